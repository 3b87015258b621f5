package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	var group sync.WaitGroup
	var count int64
	for i := 0; i < 1000; i++ {
		group.Add(1)
		go func() { defer group.Done(); for k := 0; k < 100; k++ { atomic.AddInt64(&count, 1); if k%10 == 0 { runtime.Gosched() } } }()
	}
	group.Wait()
	fmt.Println("goroutines", count)
	numbers, done := make(chan int), make(chan int)
	go func() { sum := 0; for n := range numbers { sum += n }; done <- sum }()
	for i := 0; i < 1000; i++ { numbers <- i }
	close(numbers)
	fmt.Println("channel", <-done)
	start := time.Now()
	ticker, ticks := time.NewTicker(5*time.Millisecond), 0
	for ticks < 5 { <-ticker.C; ticks++ }
	fmt.Println("ticker", time.Since(start) >= 25*time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	<-ctx.Done(); cancel(); fmt.Println(ctx.Err())
	// A loop without calls is preempted by a signal.
	stop := int32(0)
	go func() { for i := 0; atomic.LoadInt32(&stop) == 0; i++ { } }()
	time.Sleep(10 * time.Millisecond); runtime.GC(); atomic.StoreInt32(&stop, 1); fmt.Println("preempted")
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1); fmt.Println(<-signals)
	out, err := exec.Command("sh", "-c", "echo child; exit 0").Output(); fmt.Print(string(out), err, "\n")
	err = exec.Command("sh", "-c", "exit 6").Run(); fmt.Println(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0"); if err != nil { panic(err) }
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n, _ := io.Copy(io.Discard, r.Body); fmt.Fprint(w, r.URL.Path, n) }))
	var ok int64
	for i := 0; i < 30; i++ {
		group.Add(1)
		go func(i int) { defer group.Done(); r, err := http.Get(fmt.Sprintf("http://%s/%d", listener.Addr(), i)); if err == nil { b, _ := io.ReadAll(r.Body); r.Body.Close(); if string(b) == fmt.Sprintf("/%d0", i) { atomic.AddInt64(&ok, 1) } } }(i)
	}
	group.Wait(); fmt.Println("http", ok)
	file, _ := os.Create("file"); writer := bufio.NewWriter(file); for i := 0; i < 100000; i++ { fmt.Fprintln(writer, i) }; writer.Flush(); file.Close()
	info, _ := os.Stat("file"); fmt.Println("size", info.Size())
	func() { defer func() { fmt.Println("recovered", recover() != nil) }(); var p *int; fmt.Println(*p) }()
	data := make([][]byte, 0); for i := 0; i < 200; i++ { data = append(data, make([]byte, 1<<18)); if i%20 == 0 { data = data[:0] } }; runtime.GC(); fmt.Println("collected")
	os.Exit(5)
}
