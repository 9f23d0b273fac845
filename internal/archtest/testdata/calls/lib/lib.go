// Package lib is not in the wrapper.
package lib

import (
	"fmt"
	stdlog "log"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var compiled = regexp.MustCompile("a+") // want "regexp.MustCompile"

func init() { // want "func init"
	panic("at start") // want "panic: an error with words"
}

type thing struct{}

func (thing) init() {} // a method is not run at start

func (thing) Exit(int) {}

func Calls(w *strings.Builder, missing func(...any) any) error {
	os.Exit(1)              // want "os.Exit: only main exits"
	exit := os.Exit         // want "os.Exit: only main exits"
	fmt.Println("x")        // want "fmt.Println: standard output"
	fmt.Fprintln(w, "fine") // the caller's writer
	stdlog.Printf("x")      // want "log.Printf"
	println("x")            // want "println"
	exit(2)
	if _, err := os.Create("x"); err != nil { // want "os.Create: it truncates"
		return fmt.Errorf("failed to create: %w", err) // want "failed to"
	}
	missing(func() { _ = os.WriteFile("x", nil, 0) })    // want "os.WriteFile: it truncates"
	_, _ = os.OpenFile("x", os.O_WRONLY|os.O_TRUNC, 0)   // want "os.O_TRUNC"
	_, _ = unix.Open("x", unix.O_WRONLY|unix.O_TRUNC, 0) // want "golang.org/x/sys/unix.O_TRUNC"
	_, _ = http.Get("http://localhost")                  // want "net/http.Get"
	_, _ = filepath.EvalSymlinks("x")                    // want "path/filepath.EvalSymlinks"
	_ = os.Getenv("HOME")                                // not in the wrapper
	time.Sleep(time.Second)                              // not a test
	return fmt.Errorf("%s does not exist", os.Args[0])   // not in the wrapper
}

// Shadows uses names that only look like those that are banned.
func Shadows(os thing, log func()) {
	panic := func(string) {}
	panic("not the builtin")
	os.Exit(0)
	log()
}
