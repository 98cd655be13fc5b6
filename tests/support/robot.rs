//! A group robot on loopback.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

/// Every text that it was told, and how it answers.
pub struct Robot {
    /// Its address, with a key in it.
    pub url: String,
    told: Receiver<Value>,
    answer: Arc<Mutex<String>>,
}

impl Robot {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = channel();
        let answer = Arc::new(Mutex::new("{\"errcode\":0}".to_owned()));
        let answers = answer.clone();
        std::thread::spawn(move || {
            // No handle left: whoever calls is not served.
            for stream in listener.incoming().flatten() {
                let words = answers.lock().unwrap().clone();
                let (caller, body) = hear(stream);
                // Before the caller goes on: whoever asks then is told.
                if tell.send(body).is_err() {
                    return;
                }
                answer_with(caller, &words);
            }
        });
        Self {
            url: format!("http://{address}/cgi-bin/webhook/send?key=SECRETKEY"),
            told,
            answer,
        }
    }

    /// From now on every body is answered with this one.
    pub fn answers(&self, body: &str) {
        *self.answer.lock().unwrap() = body.to_owned();
    }

    /// What it was told since it was last asked.
    pub fn told(&self) -> Vec<String> {
        let text = |body: Value| {
            let text = body["text"]["content"].as_str();
            text.or(body["content"]["text"].as_str())
                .unwrap()
                .to_owned()
        };
        self.told.try_iter().map(text).collect()
    }
}

fn hear(stream: TcpStream) -> (TcpStream, Value) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (reader.into_inner(), serde_json::from_slice(&body).unwrap())
}

fn answer_with(mut caller: TcpStream, answer: &str) {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
        answer.len()
    );
    caller.write_all(head.as_bytes()).unwrap();
}
