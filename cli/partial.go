package cli

import (
	"context"
	"fmt"

	"image-capture/capture"
)

// partial says of what went to stdout that it is no image, where that is so: whoever took it
// cannot see that.
func partial(ctx context.Context, res capture.Result, err error) error {
	if err == nil || !res.Begun || res.Whole {
		return err
	}
	code, hint, shown := conclude(ctx, err)
	text := shown.Error()
	if code == ExitInterrupted {
		text = "interrupted"
	}
	return &failure{code, fmt.Errorf("%s; what went to stdout is no whole image", text), hint}
}
