package capture

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMark(t *testing.T) {
	mark := Mark{"0123456789", time.Date(2026, 11, 8, 9, 5, 7, 0, time.FixedZone("", 3600))}
	const own = "IMAGE IDENTITY: 0123456789\n    BUILD DATE: Sun Nov  8 08:05:07 UTC 2026\n\n"
	for name, test := range map[string]struct{ old, want string }{
		"none":                 {"", own},
		"no newline":           {"Debian", "Debian\n" + own},
		"an empty line stays":  {"Debian \\n \\l\n\n", "Debian \\n \\l\n\n" + own},
		"own":                  {"Debian\n\n" + own, "Debian\n\n" + own},
		"own, of another time": {"Debian\nIMAGE IDENTITY: ffffffffff\n    BUILD DATE: Sat Nov 28 08:05:07 UTC 2026\n\nmore\n", "Debian\nmore\n" + own},
		"the shell task's":     {"Debian\n\n   IMAGE IDENTITY:  cf99cd80eb\n       BUILD DATE:  Tue Aug 27 18:44:35 UTC 2019\n", "Debian\n\n" + own},
		"not a mark":           {"The IMAGE IDENTITY: of this\n", "The IMAGE IDENTITY: of this\n" + own},
		"bytes":                {"\xff\r\n", "\xff\r\n" + own},
	} {
		got := string(mark.after([]byte(test.old)))
		require.Equal(t, test.want, got, name)
		require.Equal(t, got, string(mark.after([]byte(got))), name)
	}
}
