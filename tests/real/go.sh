# A Go program: goroutines, channels, timers, signals, processes, http to itself.
# needs: go
# limit: 240
set -eu
export GOCACHE=$PWD/cache GOPATH=$PWD/path GO111MODULE=off GOFLAGS= GOTOOLCHAIN=local
cp "$REAL/data/test.go" .
go vet test.go
go build -o program test.go
./program || echo "code $?"
GOMAXPROCS=1 ./program | tail -2 || true
