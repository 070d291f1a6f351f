//! A server of its own: started once, it serves HTTP on the port in PORT, each connection on a thread.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

struct Request {
    method: String,
    path: String,
    body: Vec<u8>,
}

/// Nothing when the client has closed the connection.
fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let (name, value) = match header.trim_end().split_once(':') {
            Some(pair) => pair,
            None => break,
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "transfer-encoding" => chunked = true,
            _ => {}
        }
    }
    let mut body = Vec::new();
    if chunked {
        read_chunks(reader, &mut body)?;
    } else {
        reader.take(length).read_to_end(&mut body)?;
    }
    Ok(Some(Request { method, path, body }))
}

fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim(), 16)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a chunk without a size"))?;
        reader.by_ref().take(size).read_to_end(body)?;
        line.clear();
        reader.read_line(&mut line)?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn answer(request: &Request) -> (u16, String) {
    match (request.method.as_str(), request.path.split('?').next().unwrap_or("")) {
        ("GET", "/") => (200, "Hello from Rust!\n".to_owned()),
        ("POST", "/words") => {
            let text = String::from_utf8_lossy(&request.body);
            (200, format!("{} words\n", text.split_whitespace().count()))
        }
        (method, path) => (404, format!("nothing at {method} {path}\n")),
    }
}

fn serve(stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    while let Some(request) = read_request(&mut reader)? {
        let (status, text) = answer(&request);
        // Standard error is the function's log.
        eprintln!("{} {} -> {status}", request.method, request.path);
        let head = format!("HTTP/1.1 {status} -\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", text.len());
        stream.write_all((head + &text).as_bytes())?;
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let port = env::var("PORT").expect("PORT names the port to serve on");
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || {
            if let Err(error) = serve(stream) {
                eprintln!("a connection broke: {error}");
            }
        });
    }
    Ok(())
}
