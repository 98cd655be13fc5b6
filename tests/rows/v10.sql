INSERT INTO mails (id, sha256, bytes, source, received_at, message_id, sender, subject, outcome, pack, offset)
VALUES (1, 'ab', 10, 'INBOX/1392611444', 1653350400, 'a@example.cn', 'a@example.cn', '活动信息', 'reports', 'f0', 512);
INSERT INTO contents VALUES (1, '{}', '文');
INSERT INTO submissions (id, mail, ordinal, kind, unit, days, day_inferred, arrived, title, text, sketch, links, evidence, flags)
VALUES (1, 1, 0, 'daily', '丹东市教育局', '["2022-05-23"]', 0, 1653350400, '题', '文', x'', '[]', '[]', '[]');
INSERT INTO files (mail, position, submission, name, media, sha256, bytes, taken_at, fingerprint)
VALUES (1, 0, 1, '图1.jpg', 'photo', 'cd', 5, NULL, x'00');
INSERT INTO text_bands VALUES (7, 1);
INSERT INTO photo_bands VALUES (7, 1, 0);
INSERT INTO corrections (id, mail_sha256, ordinal, change, made_by, made_at, verdict_before)
VALUES (1, 'ab', 0, '{"change":"ignore"}', 'office@example.cn', 1653350400, '{}');
INSERT INTO lessons (what, value, unit, holds, correction, said_by, said_at)
VALUES ('address', 'a@example.cn', '丹东市教育局', 1, 1, 'office@example.cn', 1653350400);
INSERT INTO senders VALUES ('a@example.cn', '丹东市教育局', 1);
INSERT INTO letters (rule, about, day, recipient, subject, message_id, mail, state, due_at, changed_at)
VALUES ('digest', 'office@example.cn', '2022-05-24', 'office@example.cn', '日报', 'x@163.com', x'00', 'sent', 1653359400, 1653359400);
INSERT INTO cursors VALUES ('INBOX', 1, 1392611444, 1, 1653350400, 1653350400, 1);
INSERT INTO attempts VALUES (1, 1653359400);
INSERT INTO bounces VALUES (1, 1);
INSERT INTO bad_addresses VALUES ('a@example.cn', '用户不存在', 1653359400);
INSERT INTO pauses VALUES ('丹东市教育局', 'office@example.cn', 1653359400);
INSERT INTO links_opened VALUES ('ab', 'office@example.cn', 1653359400);
INSERT INTO replies VALUES (1, 1, '[]');
INSERT INTO stars VALUES ('ab', 0, 'office@example.cn', 1653359400);
INSERT INTO decisions VALUES (1, '暂停对丹东市教育局的提醒', 'office@example.cn', 1653359400);
INSERT INTO alarms VALUES (1, 'disk', '磁盘空间不足', 1653359400, NULL, 1, 1653359400);
INSERT INTO removed VALUES ('ef', 1653359400);
INSERT INTO stored VALUES ('cd', 5, 1653359400);
INSERT INTO storage VALUES ('s3://baosong/week  ');
INSERT INTO mail_parts VALUES (1, 'cd');
