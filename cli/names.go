package cli

import "image-capture/manifest"

// validNames refuses names that no capture could have, before anything is looked at.
func (o *captureOptions) validNames(format manifest.Format) error {
	const fileHint = "such as gold-$DSTAMP; one name, without slash and backslash, nothing invisible, with $TAG, $DSTAMP and $RS_IMAGE_IDENT"
	for _, n := range []struct {
		flag, hint string
		only       manifest.Template
	}{
		{"upload-path", folderHint, manifest.Template{UploadPath: o.names.UploadPath}},
		{"rootfs-name", fileHint, manifest.Template{RootFS: o.names.RootFS}},
		{"manifest-name", fileHint, manifest.Template{Manifest: o.names.Manifest}},
	} {
		if _, err := n.only.Expand(manifest.Vars{Tag: "x", DStamp: "x", Ident: "x"}, format); err != nil {
			return usagef(n.hint, "--%s: %w", n.flag, err)
		}
	}
	return nil
}
