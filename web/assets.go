package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"wellkeeper.internal/web/ui"
)

// assets are the files of the page: read and hashed at start, compressed once. Their
// path holds a hash over all of them, so that modules may import each other by plain
// relative names and a browser may keep every file for ever.
type assets struct {
	base  string // "/assets/<hash>/"
	files map[string]asset
}

type asset struct {
	kind string
	body []byte
	// packed is the body compressed, when it is first asked for.
	packed func() ([]byte, error)
}

func loadAssets() (*assets, error) {
	a := &assets{files: make(map[string]asset)}
	sum := sha256.New()
	for _, item := range ui.Assets() {
		var body []byte
		for _, part := range item.Parts {
			b, err := fs.ReadFile(ui.Files(), "static/"+part)
			if err != nil {
				return nil, fmt.Errorf("read asset: %w", err)
			}
			body = append(body, b...)
		}
		a.files[item.Name] = asset{kind: item.Type, body: body, packed: sync.OnceValues(func() ([]byte, error) { return pack(body) })}
		fmt.Fprintf(sum, "%s %d\n", item.Name, len(body))
		sum.Write(body)
	}
	a.base = "/assets/" + hex.EncodeToString(sum.Sum(nil)[:6]) + "/"
	return a, nil
}

func pack(body []byte) ([]byte, error) {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("compress asset: %w", err)
	}
	if _, err := w.Write(body); err != nil {
		return nil, fmt.Errorf("compress asset: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress asset: %w", err)
	}
	return packed.Bytes(), nil
}

// serve answers with one file of the list. A wrong hash is answered with the file of
// today all the same, but not to be kept: a page loaded before an update still works.
func (a *assets) serve(c echo.Context) error {
	file, ok := a.files[c.Param("name")]
	if !ok {
		return echo.ErrNotFound
	}
	h := c.Response().Header()
	h.Set("Cache-Control", "no-store")
	if strings.HasSuffix(a.base, "/"+c.Param("hash")+"/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("Vary", "Accept-Encoding")
	if acceptsGzip(c.Request()) {
		packed, err := file.packed()
		if err != nil {
			return err
		}
		h.Set("Content-Encoding", "gzip")
		return c.Blob(http.StatusOK, file.kind, packed)
	}
	return c.Blob(http.StatusOK, file.kind, file.body)
}

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" && strings.TrimSpace(q) != "q=0" {
			return true
		}
	}
	return false
}
