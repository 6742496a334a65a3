package drptest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// api serves /api/v3/files.
func (s *Server) api(w *record, r *http.Request) {
	f := s.fault(r)
	if f.early() {
		s.strike(w, r, f)
		return
	}
	if s.opts.RefuseExpect && r.Header.Get("Expect") != "" {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusExpectationFailed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/api/v3/files")
	if name == "" || (name == "/" && r.Method == http.MethodGet) {
		s.list(w, r, f)
		return
	}
	if path.Clean(name) != strings.TrimSuffix(name, "/") {
		fail(w, r, http.StatusForbidden, "API_ERROR", "Cannot use relative paths")
		return
	}
	switch r.Method {
	case http.MethodPost:
		s.post(w, r, name, f)
	case http.MethodHead, http.MethodGet:
		if s.authorise(w, r, "get", name) {
			s.get(w, r, name, f)
		}
	case http.MethodDelete:
		s.remove(w, r, name, f)
	default:
		fail(w, r, http.StatusNotFound, "API_ERROR", "Not Found") // PUT and all else
	}
}

// post stores a body as the real server does, with what goes wrong there.
func (s *Server) post(w *record, r *http.Request, name string, f Fault) {
	if !s.authorise(w, r, "post", name) {
		return
	}
	if strings.HasSuffix(name, "/") {
		fail(w, r, http.StatusForbidden, "API_ERROR", "Cannot upload a directory")
		return
	}
	if ct := r.Header.Get("Content-Type"); ct != "application/octet-stream" {
		fail(w, r, http.StatusBadRequest, "API_ERROR", "Want content-type application/octet-stream, not "+ct)
		return
	}
	target := s.File(name)
	part := target + ".part"
	out, status, msg := s.begin(name, target, part)
	if out == nil {
		fail(w, r, status, "API_ERROR", msg)
		return
	}
	if f.Kill {
		_, _ = io.CopyN(out, r.Body, f.After)
		_ = out.Close()
		drop(w)
		return
	}
	body := io.Reader(r.Body)
	if f.Slow > 0 {
		body = &slowReader{body, f.Slow}
	}
	if f.strikes() {
		body = io.LimitReader(r.Body, f.After)
	}
	size, err := io.Copy(out, body)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err == nil && f.strikes() {
		err = errStruck
	}
	if err != nil {
		struck := errors.Is(err, errStruck)
		if struck && f.Stall {
			s.strike(w, r, f) // until the end, its part stays where it is
		}
		// The real server removes both, so an older image is lost with the new one.
		_ = os.Remove(part)
		_ = os.Remove(target)
		switch {
		case !struck:
			fail(w, r, http.StatusBadRequest, "API_ERROR", "Failed to upload "+name)
		case !f.Stall:
			s.strike(w, r, f)
		}
		return
	}
	// A directory in the way: Remove and Rename fail, and the server does not look.
	_ = os.Remove(target)
	if os.Rename(part, target) != nil {
		_ = os.Remove(part)
	} else if f.Corrupt {
		if err := flip(target); err != nil {
			panic(err)
		}
	}
	s.pause(r, f)
	if f.Lost {
		drop(w)
		return
	}
	text := f.Answer
	if text == "" {
		b, err := json.Marshal(struct {
			Path string
			Size int64
		}{name, size + f.WrongSize})
		if err != nil {
			panic(err)
		}
		text = string(b)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, text)
}

// begin makes the .part file, or reports why not.
func (s *Server) begin(name, target, part string) (out *os.File, status int, msg string) {
	s.filesMu.Lock()
	defer s.filesMu.Unlock()
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return nil, http.StatusConflict, "Cannot create directory " + path.Dir(name)
	}
	if _, err := os.Lstat(part); err == nil {
		_ = os.Remove(target) // the real server does that, too
		return nil, http.StatusConflict, "File already uploading"
	}
	out, err := os.Create(part)
	if err != nil { // a name that is too long with its .part
		return nil, http.StatusConflict, "Unable to upload: " + path.Base(target)
	}
	return out, 0, ""
}

// get serves HEAD and GET. Only a HEAD has the digest, computed as it is asked for.
func (s *Server) get(w *record, r *http.Request, name string, f Fault) {
	in, err := os.Open(s.File(name))
	if err != nil {
		fail(w, r, http.StatusNotFound, "API_ERROR", "Not Found")
		return
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil || info.IsDir() {
		fail(w, r, http.StatusNotFound, "API_ERROR", "Not Found")
		return
	}
	s.pause(r, f)
	if r.Method == http.MethodHead && !s.opts.NoDigest {
		h := sha256.New()
		if _, err := io.Copy(h, in); err != nil {
			fail(w, r, http.StatusInternalServerError, "API_ERROR", err.Error())
			return
		}
		digest := hex.EncodeToString(h.Sum(nil))
		if s.opts.ETag {
			w.Header().Set("ETag", `"SHA256:`+digest+`"`)
		} else {
			w.Header().Set("X-DRP-SHA256SUM", digest)
		}
	}
	for k, v := range f.Header {
		w.Header().Set(k, v)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if n := max(f.CutAfter, f.StallAfter); n > 0 && r.Method == http.MethodGet {
		s.cut(w, r, in, info.Size(), n, f.StallAfter > 0)
		return
	}
	http.ServeContent(w, r, "", info.ModTime(), in)
}

// cut sends the head and n bytes of a file and then breaks off, or goes silent.
func (s *Server) cut(w *record, r *http.Request, in io.Reader, size, n int64, silent bool) {
	w.Header().Set("Content-Length", fmt.Sprint(size))
	w.WriteHeader(http.StatusOK)
	_, _ = io.CopyN(w, in, n)
	_ = http.NewResponseController(w).Flush()
	if silent {
		s.hang(r)
	}
	panic(http.ErrAbortHandler)
}

// list serves GET /api/v3/files?path=images.
func (s *Server) list(w *record, r *http.Request, f Fault) {
	folder := path.Clean("/" + r.URL.Query().Get("path"))
	if !s.authorise(w, r, "list", folder) {
		return
	}
	entries, err := os.ReadDir(s.File(folder))
	if err != nil {
		fail(w, r, http.StatusNotFound, "API_ERROR", "Failed to list "+folder)
		return
	}
	names := []string{}
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name()+"/")
		} else {
			names = append(names, e.Name())
		}
	}
	s.pause(r, f)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if err := json.NewEncoder(w).Encode(names); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// remove serves DELETE.
func (s *Server) remove(w *record, r *http.Request, name string, f Fault) {
	if !s.authorise(w, r, "delete", name) {
		return
	}
	if err := os.Remove(s.File(name)); err != nil {
		fail(w, r, http.StatusNotFound, "API_ERROR", "Unable to delete "+name)
		return
	}
	if f.Lost {
		drop(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// static serves /files/ to anyone, as the real server does on two ports.
func (s *Server) static(w *record, r *http.Request) {
	f := s.fault(r)
	if f.early() {
		s.strike(w, r, f)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	name := path.Clean(strings.TrimPrefix(r.URL.Path, "/files"))
	in, err := os.Open(s.File(name))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil || info.IsDir() {
		http.NotFound(w, r)
		return
	}
	s.pause(r, f)
	if n := max(f.CutAfter, f.StallAfter); n > 0 {
		s.cut(w, r, in, info.Size(), n, f.StallAfter > 0)
		return
	}
	http.ServeContent(w, r, path.Base(name), info.ModTime(), in)
}
