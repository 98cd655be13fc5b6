//! An attached file: office documents, RTF, pages, text, PDF as laid out, and pictures.

#![no_main]

baosong_fuzz::target!(baosong::message::fuzz::document);
