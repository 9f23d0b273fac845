// Command tool is a program, and not the wrapper.
package main

import (
	"fmt"
	"log"
	"os"
)

func main() {
	fmt.Println("a program may")
	if err := os.WriteFile("x", nil, 0); err != nil {
		log.Fatal(err) // want "log.Fatal"
	}
	defer os.Exit(0)
	panic("x") // want "panic: an error with words"
}
