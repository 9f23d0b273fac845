// Command licencegen collects the licences of the modules that runward is made
// of: packaging/licences/third-party, for whoever gets the programs, and
// packaging/debian/copyright (DEP-5), for whoever gets the source with vendor/.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

//go:generate go run . -o ../../../packaging

func main() {
	dir := flag.String("o", "", "packaging `directory` to write to")
	flag.Parse()
	files, err := generate()
	for name, text := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(*dir, name), text, 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "licencegen:", err)
		os.Exit(1)
	}
}

// generate gives the files by their names below packaging.
func generate() (map[string][]byte, error) {
	linked, err := modules(false, "./cmd/...")
	if err != nil {
		return nil, err
	}
	vendored, err := modules(true, "./...")
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"licences/third-party": thirdParty(linked), "debian/copyright": copyright(vendored)}, nil
}
