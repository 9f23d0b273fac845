module github.com/runward/runward

go 1.26
