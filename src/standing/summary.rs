//! What the notice asks of a 总结, and what one lacks.

/// What a summary lacks of: 具体做法, 成效, 新闻媒体宣传, 存在问题, 改进建议, 照片; each by its name in the notice.
pub fn lacks(text: &str, photos: usize) -> Vec<&'static str> {
    const ASKED: [(&str, &[&str]); 5] = [
        (
            "具体做法",
            &[
                "做法",
                "举措",
                "措施",
                "开展情况",
                "活动情况",
                "工作情况",
                "主要活动",
                "主要工作",
                "组织开展",
                "开展了",
                "活动开展",
                "活动内容",
            ],
        ),
        (
            "成效",
            &["成效", "成果", "效果", "收获", "成绩", "反响", "好评"],
        ),
        (
            "新闻媒体宣传",
            &["媒体", "新闻", "宣传", "报道", "公众号", "电视台", "日报"],
        ),
        ("存在问题", &["问题", "不足", "困难", "短板", "薄弱"]),
        (
            "改进建议",
            &["建议", "改进", "下一步", "今后", "打算", "展望", "下步"],
        ),
    ];
    let lacking = ASKED
        .iter()
        .filter(|(_, words)| !words.iter().any(|word| text.contains(word)));
    let photo = (photos == 0).then_some("照片");
    lacking.map(|(name, _)| *name).chain(photo).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_in_the_notice_s_words() {
        let whole = "一、主要做法……二、取得成效……三、媒体宣传……四、存在的不足……五、下一步打算……";
        assert!(lacks(whole, 3).is_empty());
        assert_eq!(lacks(whole, 0), ["照片"]);
        assert_eq!(
            lacks("全市累计开展活动24场。经验：技能服务要到群众身边去。", 1),
            ["具体做法", "成效", "新闻媒体宣传", "存在问题", "改进建议"]
        );
    }
}
