module github.com/runward/runward/test/oracle/cliv3

go 1.26.0

require github.com/urfave/cli/v3 v3.14.0
