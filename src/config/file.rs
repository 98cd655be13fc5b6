//! From one file to the settings of each campaign: mailboxes in a list, and campaigns laid over what they share.

use super::{Config, Mailbox, Outgoing, Transport};
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;
use toml::{Table, Value};

/// A name stands in paths and in front of folders; longer than this it is none.
const LONGEST_NAME: usize = 40;

/// What a campaign itself states, and its settings as a whole.
type Stated = (Table, Config);

/// The settings of each campaign in the order of the file; of a file that lists none, those of the only one.
pub(super) fn campaigns(text: &str) -> Result<Vec<Config>> {
    let mut shared: Table = toml::from_str(text)?;
    let all = match shared.remove("campaign") {
        None if shared.get("mailbox").is_some_and(Value::is_array) => vec![of_table(shared)?],
        // Its errors show the line.
        None => vec![toml::from_str(text)?],
        Some(listed) => listed_campaigns(&shared, listed)?,
    };
    for config in &all {
        let checked = config.check();
        match config.name.as_str() {
            "" => checked?,
            name => checked.with_context(|| whose(name))?,
        }
    }
    refuse_two_watchers(&all)?;
    refuse_two_of_a_name(&all)?;
    Ok(all)
}

fn whose(campaign: &str) -> String {
    format!("campaign \"{campaign}\"")
}

fn listed_campaigns(shared: &Table, listed: Value) -> Result<Vec<Config>> {
    let listed: Vec<Table> = listed
        .try_into()
        .context("campaigns are written as [[campaign]]")?;
    let mut all: Vec<Stated> = Vec::new();
    for mut own in listed {
        let Some(Value::String(name)) = own.remove("name") else {
            bail!("a [[campaign]] has no name");
        };
        ensure!(
            is_name(&name),
            "campaign.name \"{name}\" cannot be the name of a directory"
        );
        let known = all.iter().any(|(_, other)| other.name == name);
        ensure!(!known, "two campaigns are named \"{name}\"");
        ensure!(
            !own.contains_key("data_dir"),
            "campaign \"{name}\" states a data_dir; it is kept below the data_dir of all, in {name}"
        );
        ensure!(
            !own.contains_key("watch"),
            "campaign \"{name}\" states a watch; one page tells of all campaigns"
        );
        let mut config =
            of_table(laid_over(shared.clone(), own.clone())).with_context(|| whose(&name))?;
        config.alarms.campaign.clone_from(&name);
        config.name = name;
        all.push((own, config));
    }
    ensure!(!all.is_empty(), "campaign is an empty list");
    share_the_pace(shared, &mut all)?;
    Ok(all.into_iter().map(|(_, config)| config).collect())
}

/// Tables are laid over each other key by key, each entry of a list of tables over the table of that name; everything
/// else takes the place of what was there.
fn laid_over(mut below: Table, above: Table) -> Table {
    for (key, value) in above {
        let value = match (below.remove(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => {
                Value::Table(laid_over(below, above))
            }
            (Some(Value::Table(below)), Value::Array(entries)) => {
                let over = |entry| match entry {
                    Value::Table(above) => Value::Table(laid_over(below.clone(), above)),
                    other => other,
                };
                Value::Array(entries.into_iter().map(over).collect())
            }
            (_, value) => value,
        };
        below.insert(key, value);
    }
    below
}

fn of_table(mut table: Table) -> Result<Config> {
    let mut further = Vec::new();
    if let Some(Value::Array(listed)) = table.get("mailbox") {
        let mut listed = listed.clone().into_iter();
        let first = listed.next().context("mailbox is an empty list")?;
        for (n, entry) in (2..).zip(listed) {
            let mailbox = Mailbox::deserialize(entry).with_context(|| format!("mailbox {n}"))?;
            further.push(mailbox);
        }
        table.insert("mailbox".into(), first);
    }
    let mut config: Config = table.try_into()?;
    config.further_mailboxes = further;
    Ok(config)
}

/// Whether a text can name a directory, and a mailbox in front of a folder.
pub(super) fn is_name(text: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "/\\：:\"'".contains(c);
    !text.is_empty()
        && text.chars().count() <= LONGEST_NAME
        && !text.starts_with('.')
        && !text.chars().any(odd)
}

type Limit = (&'static str, fn(&mut Outgoing) -> &mut u32);

const LIMITS: [Limit; 3] = [
    ("letters_a_minute", |out| &mut out.letters_a_minute),
    ("letters_an_hour", |out| &mut out.letters_an_hour),
    ("letters_a_day", |out| &mut out.letters_a_day),
];

/// A server counts what leaves from an account, whichever campaign it is of: campaigns that send by the same one take
/// the parts of its limits that they state, and equal parts of what is left.
fn share_the_pace(shared: &Table, all: &mut [Stated]) -> Result<()> {
    let account = shared.get("outgoing").cloned();
    let account = account.unwrap_or_else(|| Value::Table(Table::new()));
    let mut account = Outgoing::deserialize(account).context("outgoing")?;
    let mut groups: BTreeMap<(String, u16, String), Vec<usize>> = BTreeMap::new();
    for (n, (_, config)) in all.iter().enumerate() {
        let out = &config.outgoing;
        if out.transport == Transport::Smtp {
            let key = account_of(&out.host, out.port, &out.user);
            groups.entry(key).or_default().push(n);
        }
    }
    for group in groups.into_values().filter(|group| group.len() > 1) {
        for (key, limit) in LIMITS {
            share(key, limit, *limit(&mut account), &group, all)?;
        }
    }
    Ok(())
}

fn share(
    key: &str,
    limit: fn(&mut Outgoing) -> &mut u32,
    most: u32,
    group: &[usize],
    all: &mut [Stated],
) -> Result<()> {
    let states = |own: &Table| {
        own.get("outgoing")
            .is_some_and(|out| out.get(key).is_some())
    };
    let (stated, others): (Vec<usize>, Vec<usize>) =
        group.iter().partition(|n| states(&all[**n].0));
    let taken: u32 = stated.iter().fold(0, |sum, n| {
        sum.saturating_add(*limit(&mut all[*n].1.outgoing))
    });
    let names: Vec<&str> = group.iter().map(|n| all[*n].1.name.as_str()).collect();
    let names = names.join(", ");
    let left = most.checked_sub(taken).with_context(|| {
        format!("campaigns {names} send by one account: together they state {key} = {taken}, [outgoing] allows {most}")
    })?;
    let part = left / u32::try_from(others.len().max(1))?;
    ensure!(
        part > 0 || others.is_empty(),
        "campaigns {names} send by one account: of {key} = {most} in [outgoing] nothing is left for some; raise it, or state less in a campaign"
    );
    for n in others {
        *limit(&mut all[n].1.outgoing) = part;
    }
    Ok(())
}

/// A mail that two watch would be judged by both, by one of them wrongly.
fn refuse_two_watchers(all: &[Config]) -> Result<()> {
    let watched: Vec<(&Config, &Mailbox)> = all
        .iter()
        .flat_map(|config| config.mailboxes().map(move |mailbox| (config, mailbox)))
        .collect();
    for (n, (config, one)) in watched.iter().enumerate() {
        for (_, other) in &watched[n + 1..] {
            ensure!(
                !watch_the_same(one, other),
                "{} at {} is watched twice{}; give each [[mailbox]] or [[campaign.mailbox]] its own user, or folders of its own",
                one.user,
                one.host,
                match config.name.as_str() {
                    "" => String::new(),
                    name => format!(", first by campaign \"{name}\""),
                }
            );
        }
    }
    Ok(())
}

fn watch_the_same(one: &Mailbox, other: &Mailbox) -> bool {
    let account = |mailbox: &Mailbox| account_of(&mailbox.host, mailbox.port, &mailbox.user);
    let shared = |one: &[String], other: &[String]| {
        one.iter()
            .any(|folder| other.iter().any(|other| folder.eq_ignore_ascii_case(other)))
    };
    account(one) == account(other)
        && match (&one.folders, &other.folders) {
            (Some(one), Some(other)) => shared(one, other),
            _ => true,
        }
}

/// Servers take both in any case.
fn account_of(host: &str, port: u16, user: &str) -> (String, u16, String) {
    (host.to_lowercase(), port, user.to_lowercase())
}

/// A credential of the service manager is found by the name of the file that it stands for.
fn refuse_two_of_a_name(all: &[Config]) -> Result<()> {
    let mut known: BTreeMap<&OsStr, &Path> = BTreeMap::new();
    for path in all.iter().flat_map(Config::secrets) {
        let Some(name) = path.file_name() else {
            continue;
        };
        let first = *known.entry(name).or_insert(path);
        ensure!(
            first == path,
            "{} and {} are two secrets in files of one name, which one credential of the service manager would stand for; rename one",
            first.display(),
            path.display()
        );
    }
    Ok(())
}

/// Of several mailboxes one may go without a name: the one that was watched alone before.
pub(super) fn check_names(config: &Config) -> Result<()> {
    let mut names = BTreeSet::new();
    for mailbox in config.mailboxes() {
        let name = mailbox.name.as_str();
        ensure!(
            name.is_empty() || is_name(name),
            "mailbox.name \"{name}\" must be up to {LONGEST_NAME} letters or digits, without blanks, colons and slashes"
        );
        ensure!(
            names.insert(name),
            match name {
                "" => "of several mailboxes only one may go without a name".to_owned(),
                name => format!("two mailboxes are named \"{name}\""),
            }
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: settings, and a part of the error.
    #[test]
    fn what_contradicts_itself_is_refused_in_words() {
        let two = "[[campaign]]\nname = \"a\"\n[campaign.mailbox]\nuser = \"a@x.cn\"\n\
                   [[campaign]]\nname = \"b\"\n[campaign.mailbox]\nuser = \"b@x.cn\"\n";
        let rows = [
            ("mailbox = []", "empty list"),
            (
                "[[mailbox]]\nuser = \"a@x.cn\"\n[[mailbox]]\nuser = \"b@x.cn\"",
                "only one may go without a name",
            ),
            (
                "[[mailbox]]\nname = \"m\"\n[[mailbox]]\nname = \"m\"\nuser = \"b@x.cn\"",
                "two mailboxes are named",
            ),
            ("[[mailbox]]\nname = \"a/b\"", "mailbox.name"),
            ("[[mailbox]]\nname = \"旧：\"", "mailbox.name"),
            (
                "[[mailbox]]\nname = \"m\"\n[[mailbox]]\nname = \"n\"",
                "watched twice",
            ),
            (
                "[[mailbox]]\n[[mailbox]]\nname = \"n\"\nhots = \"x\"",
                "hots",
            ),
            (
                "[[mailbox]]\n[[mailbox]]\nname = \"n\"\ntls = \"none\"\nuser = \"b@x.cn\"",
                "mailbox.tls",
            ),
            ("further_mailboxes = []", "further_mailboxes"),
            ("name = \"x\"", "unknown field"),
            ("[campaign]\nname = \"a\"", "[[campaign]]"),
            ("campaign = []", "empty list"),
            ("[[campaign]]\nunits_file = \"x\"", "has no name"),
            (
                "[[campaign]]\nname = \"../a\"",
                "cannot be the name of a directory",
            ),
            (
                "[[campaign]]\nname = \"a\"\n[[campaign]]\nname = \"a\"",
                "two campaigns are named",
            ),
            (
                "[[campaign]]\nname = \"a\"\ndata_dir = \"/x\"",
                "states a data_dir",
            ),
            (
                "[[campaign]]\nname = \"a\"\n[[campaign]]\nname = \"b\"",
                "watched twice, first by campaign \"a\"",
            ),
            ("[[campaign]]\nname = \"a\"\nhots = 1", "hots"),
            (
                "[[campaign]]\nname = \"a\"\n[campaign.staff]\ndigest_too = []",
                "digest_too",
            ),
            (
                "[[campaign]]\nname = \"a\"\n[campaign.watch]\nhung_after_seconds = 900",
                "states a watch",
            ),
            (
                "[[mailbox]]\nuser = \"Bao@x.cn\"\n[[mailbox]]\nname = \"n\"\nuser = \"bao@X.cn\"",
                "watched twice",
            ),
            (
                "[[mailbox]]\npassword_file = \"/a/code\"\n\
                 [[mailbox]]\nname = \"n\"\nuser = \"b@x.cn\"\npassword_file = \"/b/code\"",
                "two secrets in files of one name",
            ),
            (
                "[[mailbox]]\n[[mailbox]]\nname = \"n\"\nuser = \"b@x.cn\"\npatience_seconds = 900",
                "hung_after_seconds",
            ),
            ("[storage]\nurl = \"ftp://x\"", "storage.url"),
            (
                "[storage]\nendpoint = \"http://s3.example.cn\"",
                "storage.endpoint",
            ),
            (
                "[storage]\nendpoint = \"http://127.0.0.1.example.cn\"",
                "storage.endpoint",
            ),
            (
                &format!("{two}[campaign.outgoing]\nletters_a_day = 201"),
                "together they state letters_a_day = 201",
            ),
            (
                &format!("{two}[campaign.outgoing]\nletters_a_minute = 6"),
                "nothing is left for some",
            ),
        ];
        for (settings, part) in rows {
            let error = match campaigns(settings) {
                Ok(_) => panic!("taken: {settings}"),
                Err(error) => format!("{error:#}"),
            };
            assert!(error.contains(part), "{settings}\n{error}");
        }
    }

    #[test]
    fn a_list_of_one_is_the_table() {
        let keys = "host = \"imap.example.cn\"\nuser = \"a@example.cn\"\n";
        let table = campaigns(&format!("[mailbox]\n{keys}")).unwrap();
        let list = campaigns(&format!("[[mailbox]]\n{keys}")).unwrap();
        assert_eq!(table, list);
    }

    #[test]
    fn a_campaign_says_what_differs_and_shares_the_rest() {
        let all = campaigns(
            "[mailbox]\nhost = \"imap.example.cn\"\npoll_seconds = 60\n\
             [outgoing]\ncontact = \"张老师\"\n[staff]\ndigest_to = [\"all@example.cn\"]\n\
             [[campaign]]\nname = \"a\"\n[campaign.mailbox]\nuser = \"a@example.cn\"\n\
             [campaign.staff]\ndigest_to = [\"a@example.cn\"]\n\
             [[campaign]]\nname = \"b\"\nunits_file = \"b.toml\"\n\
             [[campaign.mailbox]]\nuser = \"b@example.cn\"\n\
             [[campaign.mailbox]]\nname = \"旧\"\nuser = \"c@example.cn\"\npoll_seconds = 30\n\
             [campaign.outgoing]\nuser = \"b@example.cn\"\n",
        )
        .unwrap();
        let [a, b] = all.as_slice() else { panic!() };
        assert_eq!(
            (a.name.as_str(), a.kept_in("/d".as_ref())),
            ("a", "/d/a".into())
        );
        assert_eq!(a.staff.digest_to, ["a@example.cn"]);
        assert_eq!(b.staff.digest_to, ["all@example.cn"]);
        assert_eq!(b.outgoing.contact, "张老师");
        assert!(
            b.mailboxes()
                .all(|mailbox| mailbox.host == "imap.example.cn")
        );
        assert_eq!((a.poll_seconds(), b.poll_seconds()), (60, 30));
        assert_eq!(b.sending_mailbox().unwrap().user, "b@example.cn");
        assert_eq!(a.sending_mailbox(), None);
        assert_eq!(
            (a.outgoing.letters_a_day, b.outgoing.letters_a_day),
            (200, 200)
        );
    }

    #[test]
    fn campaigns_that_send_by_one_account_share_its_pace_to_the_last_letter_and_no_further() {
        let settings = |own: &str| {
            format!(
                "[outgoing]\nletters_a_minute = 7\n\
                 [[campaign]]\nname = \"a\"\n[campaign.mailbox]\nuser = \"a@x.cn\"\n\
                 [[campaign]]\nname = \"b\"\n[campaign.mailbox]\nuser = \"b@x.cn\"\n\
                 [[campaign]]\nname = \"c\"\n[campaign.mailbox]\nuser = \"c@x.cn\"\n[campaign.outgoing]\n{own}"
            )
        };
        let minutes = |own: &str| -> Vec<u32> {
            let all = campaigns(&settings(own)).unwrap();
            all.iter()
                .map(|config| config.outgoing.letters_a_minute)
                .collect()
        };
        assert_eq!(minutes(""), [2, 2, 2]);
        assert_eq!(minutes("letters_a_minute = 1"), [3, 3, 1]);
        assert_eq!(
            minutes("user = \"c@x.cn\""),
            [3, 3, 7],
            "an account of its own"
        );
        assert_eq!(
            minutes("transport = \"files\""),
            [3, 3, 7],
            "a directory bears any pace"
        );
    }

    #[test]
    fn two_campaigns_may_share_an_account_whose_folders_they_divide() {
        let settings = |second: &str| {
            format!(
                "[[campaign]]\nname = \"a\"\n[campaign.mailbox]\nfolders = [\"INBOX\"]\n\
                 [[campaign]]\nname = \"b\"\n[campaign.mailbox]\nfolders = [\"{second}\"]"
            )
        };
        assert!(campaigns(&settings("技能大赛")).is_ok());
        assert!(campaigns(&settings("INBOX")).is_err());
    }
}
