import java.io.*;
import java.net.*;
import java.nio.channels.*;
import java.nio.file.*;
import java.nio.ByteBuffer;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.stream.*;

public class Threads {
    static int shared = 0;
    static synchronized void bump() { shared++; }

    public static void main(String[] args) throws Exception {
        Thread[] threads = new Thread[20];
        for (int i = 0; i < 20; i++) { threads[i] = new Thread(() -> { for (int k = 0; k < 5000; k++) bump(); }); threads[i].start(); }
        for (Thread t : threads) t.join();
        System.out.println("synchronized " + shared);
        ExecutorService pool = Executors.newFixedThreadPool(8);
        List<Future<Integer>> futures = new ArrayList<>();
        for (int i = 0; i < 100; i++) { int n = i; futures.add(pool.submit(() -> n * n)); }
        int sum = 0; for (Future<Integer> f : futures) sum += f.get();
        pool.shutdown(); System.out.println("pool " + sum + " " + pool.awaitTermination(5, TimeUnit.SECONDS));
        System.out.println("parallel " + IntStream.range(0, 1000000).parallel().mapToLong(i -> i % 7).sum());
        BlockingQueue<Integer> queue = new ArrayBlockingQueue<>(10);
        new Thread(() -> { try { for (int i = 0; i < 1000; i++) queue.put(i); } catch (InterruptedException e) { } }).start();
        long total = 0; for (int i = 0; i < 1000; i++) total += queue.take();
        System.out.println("queue " + total);
        for (int i = 0; i < 200; i++) { byte[] garbage = new byte[1 << 20]; garbage[5] = 1; }
        System.gc(); System.out.println("garbage");
        try (ServerSocket server = new ServerSocket(0, 10, InetAddress.getLoopbackAddress())) {
            Thread t = new Thread(() -> { try (Socket s = server.accept()) { s.getOutputStream().write(new BufferedReader(new InputStreamReader(s.getInputStream())).readLine().toUpperCase().getBytes()); } catch (IOException e) { e.printStackTrace(); } });
            t.start();
            try (Socket s = new Socket(server.getInetAddress(), server.getLocalPort())) { s.getOutputStream().write("over tcp\n".getBytes()); System.out.println("socket " + new String(s.getInputStream().readAllBytes())); }
            t.join();
        }
        Path file = Files.createTempFile("x", "y"); Files.write(file, new byte[100000]);
        try (FileChannel c = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE); FileLock lock = c.lock()) { c.map(FileChannel.MapMode.READ_WRITE, 0, 100000).put(50000, (byte) 9); ByteBuffer b = ByteBuffer.allocate(1); c.read(b, 50000); System.out.println("mapped " + b.get(0)); }
        Files.delete(file);
        Process p = new ProcessBuilder("sh", "-c", "cat; exit 4").start(); p.getOutputStream().write("child".getBytes()); p.getOutputStream().close();
        System.out.println(new String(p.getInputStream().readAllBytes()) + " " + p.waitFor());
        try { Object o = null; o.hashCode(); } catch (NullPointerException e) { System.out.println("null pointer"); }
        try { recurse(0); } catch (StackOverflowError e) { System.out.println("stack overflow"); }
        CountDownLatch latch = new CountDownLatch(1); ScheduledExecutorService timer = Executors.newScheduledThreadPool(1);
        timer.schedule(latch::countDown, 50, TimeUnit.MILLISECONDS); System.out.println("timer " + latch.await(5, TimeUnit.SECONDS)); timer.shutdown();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
        System.exit(0);
    }
    static int recurse(int n) { return recurse(n + 1) + 1; }
}
