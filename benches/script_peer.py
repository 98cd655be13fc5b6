#!/usr/bin/env python3
"""What an office would write for itself: imap-tools, SQLite, attachments by their hash, one commit a mail.

script_peer.py PORT USER DIR, with the password in the environment; `first_sync` measures baosong beside it."""

import hashlib
import os
import sqlite3
import sys
from pathlib import Path

from imap_tools import MailBoxUnencrypted

port, user, into = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
files = into / "files"
files.mkdir(parents=True)
database = sqlite3.connect(into / "reports.db")
database.execute("CREATE TABLE mail (uid INTEGER PRIMARY KEY, date TEXT, sender TEXT, subject TEXT, text TEXT)")
database.execute("CREATE TABLE file (mail INTEGER, name TEXT, sha256 TEXT, bytes INTEGER)")
with MailBoxUnencrypted("127.0.0.1", port).login(user, os.environ["PASSWORD"]) as mailbox:
    for mail in mailbox.fetch(mark_seen=False, bulk=50):
        row = int(mail.uid), str(mail.date), mail.from_, mail.subject, mail.text or mail.html
        database.execute("INSERT INTO mail VALUES (?, ?, ?, ?, ?)", row)
        for attached in mail.attachments:
            sha256 = hashlib.sha256(attached.payload).hexdigest()
            (files / sha256).write_bytes(attached.payload)
            row = int(mail.uid), attached.filename, sha256, attached.size
            database.execute("INSERT INTO file VALUES (?, ?, ?, ?)", row)
        database.commit()
