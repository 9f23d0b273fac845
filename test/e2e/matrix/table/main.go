// Command table shows the cells in files as one table, in colour on a terminal,
// and writes them beside as Markdown and as JSON:
//
//	table -out DIR/matrix CELLS.jsonl...
//
// It exits with 1 if a cell failed, or if there is none.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/runward/runward/test/e2e/matrix"
)

func main() {
	out := flag.String("out", "matrix", "where Markdown and JSON go, without their endings")
	flag.Parse()
	failed, err := show(*out, flag.Args())
	if err != nil {
		fmt.Fprintf(os.Stderr, "table: %v\n", err)
		os.Exit(1)
	}
	if failed {
		os.Exit(1)
	}
}

func show(out string, files []string) (bool, error) {
	cells, err := matrix.Read(files...)
	if err != nil {
		return true, err
	}
	_, err = unix.IoctlGetTermios(int(os.Stdout.Fd()), unix.TCGETS)
	fmt.Print(matrix.Text(cells, err == nil && os.Getenv("NO_COLOR") == ""))
	raw, err := json.MarshalIndent(cells, "", "  ")
	if err != nil {
		return true, err
	}
	if err := os.WriteFile(out+".json", append(raw, '\n'), 0o644); err != nil {
		return true, err
	}
	_, failed := matrix.Totals(cells)
	return failed > 0 || len(cells) == 0, os.WriteFile(out+".md", []byte(matrix.Markdown(cells)), 0o644)
}
