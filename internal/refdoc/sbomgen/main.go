// Command sbomgen says on standard output what programs are made of, as
// CycloneDX 1.6 in JSON: from what the linker wrote into each of them, and the
// licences that licencegen collected. The same programs give the same bytes.
//
//	sbomgen -version 1.2.3 -epoch 1795305600 -licences packaging/licences/third-party PROGRAM...
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	version := flag.String("version", "", "version of runward")
	epoch := flag.Int64("epoch", 0, "when it was made: seconds since 1970, of the commit")
	licences := flag.String("licences", "packaging/licences/third-party", "`file` that licencegen wrote")
	flag.Parse()
	text, err := generate(*version, time.Unix(*epoch, 0), *licences, flag.Args())
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sbomgen:", err)
		os.Exit(1)
	}
}
