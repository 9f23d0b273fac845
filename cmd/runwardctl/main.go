// Command runwardctl is the node administrator's tool: it explains decisions,
// checks policies and reads receipts. It starts no container and changes
// nothing.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }
