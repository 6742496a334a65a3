package hardware

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// param is the name of the Param in which DRP keeps a machine's inventory.
const param = "gohai-inventory"

// parseInventory reads what "drpcli gohai" prints.
func (t *Target) parseInventory(data []byte) error {
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("inventory: %w", err)
	}
	if params, ok := doc["Params"].(map[string]any); ok {
		doc = params
	}
	if inner, ok := doc[param]; ok {
		if doc, ok = inner.(map[string]any); !ok {
			return errors.New("inventory: " + param + " is no object")
		}
	}
	networking, ok := doc["Networking"].(map[string]any)
	if !ok {
		return errors.New("inventory: it has no Networking: not what drpcli gohai prints")
	}

	t.Partial = true
	seen := map[Device]bool{}
	interfaces, _ := networking["Interfaces"].([]any)
	for _, one := range interfaces {
		i, _ := one.(map[string]any)
		sys, _ := i["Sys"].(map[string]any)
		physical, _ := sys["IsPhysical"].(bool)
		driver, _ := i["Driver"].(string)
		if !physical || driver == "" {
			continue
		}
		address, _ := sys["BusAddress"].(string)
		if err := t.addDriver(seen, Network, driver, address); err != nil {
			return err
		}
	}
	if err := t.addControllers(seen, doc); err != nil {
		return err
	}
	if len(t.Devices) == 0 {
		return errors.New("inventory: it names no driver of a network interface or of a storage controller")
	}
	return nil
}

// addControllers finds what lshw(1) prints with -json: objects with a class, and
// a driver in their configuration. The depth is bounded by encoding/json.
func (t *Target) addControllers(seen map[Device]bool, at any) error {
	switch at := at.(type) {
	case []any:
		for _, one := range at {
			if err := t.addControllers(seen, one); err != nil {
				return err
			}
		}
	case map[string]any:
		conf, _ := member(at, "configuration").(map[string]any)
		driver, _ := member(conf, "driver").(string)
		class, _ := member(at, "class").(string)
		bus, _ := member(at, "businfo").(string)
		kind := map[string]Kind{"storage": Storage, "network": Network}[class]
		if driver != "" && kind != Other {
			if err := t.addDriver(seen, kind, driver, bus); err != nil {
				return err
			}
		}
		for _, key := range slices.Sorted(maps.Keys(at)) {
			if err := t.addControllers(seen, at[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

// member is the value of a key, whichever case a program wrote it in.
func member(object map[string]any, key string) any {
	for k, v := range object {
		if strings.EqualFold(k, key) {
			return v
		}
	}
	return nil
}

// addDriver adds a device that is known by its driver and its address: a path
// below /sys/devices, or lshw's "pci@0000:01:00.0".
func (t *Target) addDriver(seen map[Device]bool, kind Kind, driver, address string) error {
	if len(driver) > maxAlias {
		return fmt.Errorf("inventory: the name of a driver is longer than %d bytes", maxAlias)
	}
	d := Device{Kind: kind, Driver: driver}
	for _, bus := range []string{"pci", "usb", "virtio", "vmbus"} { // each may hang on the ones before it
		if strings.HasPrefix(address, bus) || strings.Contains(address, "/"+bus) {
			d.Bus = bus
		}
	}
	d.Minor = d.Bus == "usb"
	return t.add(seen, d)
}
