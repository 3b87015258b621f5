import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { spawn, execSync, fork } from "node:child_process";
import http from "node:http"; import net from "node:net"; import fs from "node:fs"; import { promisify } from "node:util"; import zlib from "node:zlib"; import crypto from "node:crypto"; import { pipeline } from "node:stream/promises";

if (!isMainThread) {
  let sum = 0;
  for (let i = 0; i < workerData; i++) sum += i;
  parentPort.postMessage(sum);
} else {
  const results = await Promise.all([1000, 2000, 3000, 4000].map(n => new Promise((done, fail) => {
    const w = new Worker(new URL(import.meta.url), { workerData: n }); w.on("message", done); w.on("error", fail);
  })));
  console.log("workers", results.join());
  console.log("exec", execSync("echo from shell").toString().trim());
  const child = spawn("sh", ["-c", "cat; exit 3"]); let out = ""; child.stdout.on("data", d => out += d); child.stdin.end("piped");
  console.log("spawn", await new Promise(done => child.on("close", code => done(code))), out);
  const killed = spawn("sleep", ["30"]); killed.kill(); console.log("killed", await new Promise(done => killed.on("exit", (c, s) => done(s))));
  const server = http.createServer((req, res) => { let n = 0; req.on("data", d => n += d.length); req.on("end", () => res.end(JSON.stringify({ url: req.url, n }))); });
  await new Promise(done => server.listen(0, "127.0.0.1", done)); const { port } = server.address();
  const ask = (path, body) => new Promise((done, fail) => { const r = http.request({ port, host: "127.0.0.1", path, method: "POST" }, res => { let t = ""; res.on("data", d => t += d); res.on("end", () => done(t)); }); r.on("error", fail); r.end(body); });
  console.log("http", await ask("/x", "y".repeat(100000)));
  console.log("many", (await Promise.all(Array.from({ length: 50 }, (_, i) => ask("/" + i, "z")))).length);
  console.log("fetch", (await (await fetch(`http://127.0.0.1:${port}/f`)).json()).url); server.close(); server.closeAllConnections();
  const unix = net.createServer(s => s.pipe(s)); await new Promise(done => unix.listen("sock", done));
  console.log("unix", await new Promise(done => { const c = net.connect("sock", () => c.write("echo")); c.on("data", d => { done(d.toString()); c.destroy(); }); })); unix.close();
  fs.writeFileSync("big", Buffer.alloc(1 << 20, 1)); await pipeline(fs.createReadStream("big"), zlib.createGzip(), fs.createWriteStream("big.gz")); console.log("gzip", zlib.gunzipSync(fs.readFileSync("big.gz")).length);
  console.log("hash", crypto.createHash("sha256").update(fs.readFileSync("big")).digest("hex").slice(0, 16), (await promisify(crypto.pbkdf2)("p", "s", 1000, 16, "sha1")).toString("hex"));
  const watcher = fs.watch("."); const seen = new Promise(done => watcher.on("change", (_, name) => name === "watched" && done(name))); fs.writeFileSync("watched", "x"); console.log("watch", await seen); watcher.close();
  const start = performance.now(); await new Promise(done => setTimeout(done, 30)); console.log("timer", performance.now() - start >= 29); process.on("SIGUSR2", () => { console.log("signal"); process.exit(7); }); process.kill(process.pid, "SIGUSR2");
  setTimeout(() => {}, 5000);
}
