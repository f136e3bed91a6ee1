// Shows the values under the pointer. Without it the charts are complete, only not interactive.
(function () {
  "use strict";
  var charts = JSON.parse(document.getElementById("chart-data").textContent);
  document.querySelectorAll("[data-chart]").forEach(function (plot) {
    var chart = charts[plot.dataset.chart];
    if (!chart || chart.x.length === 0) { return; }
    var line = document.createElement("i");
    line.className = "cursor";
    var box = document.createElement("div");
    box.className = "tip";
    line.hidden = box.hidden = true;
    plot.append(line, box);

    function show(event) {
      var area = plot.getBoundingClientRect();
      var at = (event.clientX - area.left) / area.width;
      var nearest = 0;
      chart.x.forEach(function (x, index) {
        if (Math.abs(x - at) < Math.abs(chart.x[nearest] - at)) { nearest = index; }
      });
      box.textContent = "";
      var head = document.createElement("strong");
      head.textContent = chart.labels[nearest];
      box.append(head);
      chart.lines.forEach(function (series) {
        var row = document.createElement("span");
        var value = series.values[nearest];
        row.textContent = series.name + ": " + (value === null ? "–" : value + " " + chart.unit);
        box.append(row);
      });
      line.style.left = chart.x[nearest] * 100 + "%";
      box.style.left = chart.x[nearest] * 100 + "%";
      box.classList.toggle("left", chart.x[nearest] > 0.5);
      line.hidden = box.hidden = false;
    }
    function hide() { line.hidden = box.hidden = true; }
    plot.addEventListener("pointermove", show);
    plot.addEventListener("pointerdown", show);
    plot.addEventListener("pointerleave", hide);
  });
})();
