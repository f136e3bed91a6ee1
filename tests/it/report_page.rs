//! `report.html` in a browser, as the person who decides opens it: nothing fails, nothing is fetched, and the charts
//! answer to pointer and keys.

use serde_json::json;

use crate::browser::{Page, place};
use crate::program::{Run, scenario};

#[expect(
    clippy::too_many_lines,
    reason = "one page is opened once, and all of it is tried"
)]
#[tokio::test]
async fn a_report_opens_offline_and_its_charts_answer() {
    let ended = Run::start(&scenario("quick"), &[]).await.end().await;
    ended.record(0, "GO");
    let mut page = Page::open(&ended.out().join("report.html"), 1280, 900).await;

    let banner = page.value("document.querySelector('.banner h1').innerText").await;
    assert_eq!(banner, json!("GO (observed)"));
    let charts = page
        .value("document.querySelectorAll('figure.chart').length")
        .await;
    assert!(charts.as_u64().unwrap() >= 14, "{charts} charts");
    // The overview has its strips in this order, each on the axis of the others.
    let strips = page
        .value("[...document.querySelectorAll('.strips figure.chart')].map(figure => figure.id)")
        .await;
    assert_eq!(
        strips,
        json!([
            "chart-response",
            "chart-rate",
            "chart-arrivals",
            "chart-users",
            "chart-pending",
            "chart-oldest",
            "chart-hops",
            "chart-database",
            "chart-queries",
        ])
    );
    let widths = page
        .value(
            "[...document.querySelectorAll('.strips .plot')].map(plot => plot.getBoundingClientRect())\
             .map(place => Math.round(place.left) + ' ' + Math.round(place.width))",
        )
        .await;
    let widths = widths.as_array().unwrap();
    assert!(widths.iter().all(|place| *place == widths[0]), "{widths:?}");

    // The plan's figures are there, folded away.
    let asked = page
        .value("[document.querySelector('#asked details').open, document.querySelectorAll('#asked tbody tr:not(.group)').length]")
        .await;
    assert_eq!(asked[0], json!(false));
    assert!(asked[1].as_u64().unwrap() > 25, "{asked}");

    // The pointer over one chart of the time axis shows values in all of them.
    let plot = place(&mut page, "#over-time .plot").await;
    let (left, width) = (plot["x"], plot["width"]);
    let middle = plot["y"] + plot["height"] / 2.0;
    page.pointer("mouseMoved", left + width * 0.5, middle).await;
    let tips = "[...document.querySelectorAll('#over-time .tip')].filter(tip => !tip.hidden).length";
    let shown = page.value(tips).await.as_u64().unwrap();
    let over_time = page
        .value("document.querySelectorAll('#over-time .plot').length")
        .await;
    assert_eq!(json!(shown), over_time, "values in every chart");
    let tip = page
        .value("document.querySelector('#over-time .tip').innerText")
        .await;
    assert!(tip.as_str().unwrap().contains("p95"), "{tip}");

    // Dragging zooms all of them; a click on "Show all" gives the whole back.
    page.pointer("mousePressed", left + width * 0.25, middle).await;
    page.pointer("mouseMoved", left + width * 0.6, middle).await;
    page.pointer("mouseReleased", left + width * 0.75, middle).await;
    let views =
        "[...document.querySelectorAll('#over-time .plot > svg')].map(svg => svg.getAttribute('viewBox'))";
    let zoomed = page.value(views).await;
    let zoomed = zoomed.as_array().unwrap();
    assert!(zoomed.iter().all(|view| *view == zoomed[0]), "{zoomed:?}");
    let numbers: Vec<f64> = zoomed[0]
        .as_str()
        .unwrap()
        .split(' ')
        .map(|text| text.parse().unwrap())
        .collect();
    assert!(
        (numbers[0] - 250.0).abs() < 5.0 && (numbers[2] - 500.0).abs() < 5.0,
        "{numbers:?}"
    );
    page.value("document.querySelector('#over-time .reset').click()")
        .await;
    let whole = page.value(views).await;
    assert!(
        whole
            .as_array()
            .unwrap()
            .iter()
            .all(|view| view == "0 0 1000 300"),
        "{whole}"
    );

    // Keys do the same, and a screen reader is told the values.
    page.value("document.querySelector('#over-time .plot').focus()")
        .await;
    for key in ["ArrowRight", "ArrowRight", "+"] {
        page.key(key).await;
    }
    let spoken = page
        .value("document.querySelector('#over-time [role=status]').innerText")
        .await;
    assert!(spoken.as_str().unwrap().contains("p95"), "{spoken}");
    assert_ne!(page.value(views).await[0], json!("0 0 1000 300"));
    page.key("Escape").await;
    assert_eq!(page.value(views).await[0], json!("0 0 1000 300"));

    // A curve goes and comes by its legend.
    let hidden = "[...document.querySelectorAll('#over-time figure.chart path')].filter(p => p.style.display === 'none').length";
    page.value("document.querySelector('#over-time .legend button').click()")
        .await;
    assert!(page.value(hidden).await.as_u64().unwrap() >= 1);
    page.value("document.querySelector('#over-time .legend button').click()")
        .await;
    assert_eq!(page.value(hidden).await, json!(0));

    // Nothing is wider than a telephone.
    page.resize(400, 800).await;
    let overflow = page
        .value("document.documentElement.scrollWidth - window.innerWidth")
        .await;
    assert!(overflow.as_f64().unwrap() <= 0.0, "{overflow} px too wide");

    assert!(page.complaints.is_empty(), "{:?}", page.complaints);
    let fetched: Vec<&String> = page
        .requests
        .iter()
        .filter(|url| !url.starts_with("file://"))
        .collect();
    assert!(fetched.is_empty(), "{fetched:?}");
    assert_eq!(page.requests.len(), 1, "{:?}", page.requests);
}
