//! Whether a submission replaces an earlier one of its unit (rules.md, "Repeats").

use super::normal::normal;
use super::signs::Signs;
use super::{Earlier, Kind, Submission};
use std::sync::LazyLock;

/// Two texts this alike are one report, whatever else.
pub const ALIKE: f64 = 0.6;
/// With words such as 更正 or 以此为准, this much is enough.
const ALIKE_WITH_WORDS: f64 = 0.25;
/// Texts shorter than this say little by their resemblance.
const SHORT: usize = 12;

static WORDS: LazyLock<Signs> = LazyLock::new(|| {
    Signs::of([
        "重发",
        "重报",
        "重新报送",
        "重新发送",
        "更正",
        "修改稿",
        "修改版",
        "以此为准",
        "为准",
        "替换",
        "作废",
        "最终版",
        "改了",
        "换这",
    ])
});

/// Whether the mail says that it replaces something.
pub fn announces(subject: &str, text: &str) -> bool {
    WORDS.stand_in(&normal(subject)) || WORDS.stand_in(&normal(text))
}

/// The earliest version that `submission` replaces, of the earlier ones of its unit, newest first.
pub fn repeated(submission: &Submission, announced: bool, earlier: &[Earlier]) -> Option<i64> {
    let mut oldest_first = earlier.iter().rev();
    let first = oldest_first.find(|other| same(submission, announced, other));
    first.map(|other| other.id)
}

fn same(submission: &Submission, announced: bool, other: &Earlier) -> bool {
    if other.kind != submission.kind || submission.kind == Kind::Supplement {
        return false;
    }
    let differ = differing_days(submission, other);
    if differ && !announced {
        return false;
    }
    let sketch = &submission.print.sketch;
    let resemblance = sketch.resemblance(&other.sketch);
    let short = sketch.len().min(other.sketch.len()) < SHORT;
    if differ {
        return resemblance > ALIKE && !short;
    }
    let table = submission.kind == Kind::Statistics && announced;
    table || (!short && (resemblance > ALIKE || announced && resemblance > ALIKE_WITH_WORDS))
}

/// Copied reports that differ by date and number only are reports of their own.
fn differing_days(submission: &Submission, other: &Earlier) -> bool {
    let named = !submission.day_inferred && !submission.days.is_empty() && !other.days.is_empty();
    named && !submission.days.iter().any(|day| other.days.contains(day))
}
