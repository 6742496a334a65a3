package capture

import (
	"bytes"
	"encoding/gob"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTask: each field of Options goes to the host that is captured, but for those that
// are about where the image goes. A new field is added to Task, or here.
func TestTask(t *testing.T) {
	local := []string{
		"Strict", "Names", "Tag", "Outputs", "Endpoint", "EndpointURL", "FilesURL", "SaveProfile", "Origin", "Host", "Version",
		"Base", // it stays here, and what is walked is told by Origin.Only
	}
	var opt Options
	v := reflect.ValueOf(&opt).Elem()
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; !slices.Contains(local, name) {
			fill(v.Field(i))
		}
	}
	opt.Steady = Steady{Hooks: opt.Hooks} // the watcher is that of the program there
	var sent bytes.Buffer
	require.NoError(t, gob.NewEncoder(&sent).Encode(opt.Task()))
	var got Task
	require.NoError(t, gob.NewDecoder(&sent).Decode(&got))
	require.Equal(t, opt, got.Options())
}

// fill gives a value to all that can have one.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("a\xffb") // bytes, not UTF-8
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	}
}
