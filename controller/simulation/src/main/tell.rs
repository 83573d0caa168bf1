//! What is shown of one schedule.

use limekiln_simulation::Verdict;
use limekiln_simulation::story::Story;

/// Prints what was wrong, and with `log` the whole story.
pub fn tell(verdict: &Verdict, log: bool) {
    println!("seed {}:", verdict.seed);
    for wrong in &verdict.wrong {
        println!("  {wrong}");
    }
    if !log {
        println!("  see `cargo xtask simulate --from {} --seeds 1 --log`", verdict.seed);
        return;
    }
    let Story { sources, rapid, strangers, chapters, .. } = Story::of(verdict.seed);
    println!("  {sources:?}, rapid {rapid}, strangers {:?}", strangers.ids());
    for (number, chapter) in chapters.iter().enumerate() {
        println!("  chapter {number}: {} {:?}", chapter.deed, chapter.faults);
    }
    verdict.log.iter().for_each(|line| println!("  {line}"));
}
