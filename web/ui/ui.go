// Package ui holds the page's templates, styles and scripts, embedded as they are:
// there is no front-end build and nothing generated, so what is served is what
// stands in this folder.
//
// It has no logic. Only web imports it.
package ui

import "embed"

//go:embed static templates
var files embed.FS

// Files holds static/ (served under a hashed path) and templates/ (html/template).
func Files() embed.FS { return files }

// Asset is one file that is served.
type Asset struct {
	Name  string   // as it is served
	Type  string   // content type
	Parts []string // files of static/ whose contents follow one another
}

// Assets is the exact list of what is served; nothing else of static/ is reachable.
func Assets() []Asset {
	const script, style = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
	return []Asset{
		{Name: "style.css", Type: style, Parts: []string{"tokens.css", "app.css", "vendor/uplot-1.6.32/uPlot.min.css", "trends.css"}},
		{Name: "boot.js", Type: script, Parts: []string{"boot.js"}},
		{Name: "page.js", Type: script, Parts: []string{"page.js"}},
		{Name: "format.js", Type: script, Parts: []string{"format.js"}},
		{Name: "stream.js", Type: script, Parts: []string{"stream.js"}},
		// The library declares one variable, which the module then uses.
		{Name: "chart.js", Type: script, Parts: []string{"vendor/uplot-1.6.32/uPlot.iife.min.js", "chart.js"}},
		{Name: "trends.js", Type: script, Parts: []string{"trends.js"}},
		{Name: "icon.svg", Type: "image/svg+xml", Parts: []string{"icon.svg"}},
	}
}
