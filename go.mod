module github.com/runward/runward

go 1.26

require (
	github.com/opencontainers/runtime-spec v1.3.0
	pgregory.net/rapid v1.3.0
)
