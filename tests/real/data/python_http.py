import http.client, http.server, socketserver, threading, urllib.request, os

os.makedirs("www"); open("www/file", "w").write("x" * 100000); os.chdir("www")
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *a): pass
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])); self.send_response(200); self.end_headers(); self.wfile.write(body[::-1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet); port = server.server_address[1]
threading.Thread(target=server.serve_forever, daemon=True).start()
print(len(urllib.request.urlopen(f"http://127.0.0.1:{port}/file").read()), len(urllib.request.urlopen(f"http://localhost:{port}/file").read()))
c = http.client.HTTPConnection("127.0.0.1", port); c.request("GET", "/none"); r = c.getresponse(); print(r.status); r.read()
c = http.client.HTTPConnection("127.0.0.1", port); c.request("POST", "/x", body=b"abc" * 1000); print(c.getresponse().read()[:6])
def fetch(results): results.append(len(urllib.request.urlopen(f"http://127.0.0.1:{port}/file").read()))
results = []; ts = [threading.Thread(target=fetch, args=(results,)) for _ in range(20)]
[t.start() for t in ts]; [t.join() for t in ts]; print(sum(results)); server.shutdown()
