// Makes the charts answer: values under the pointer or the arrow keys, zoom by dragging, curves on and off by their
// legend. Charts of one axis move together. Without this script the charts are complete, only not interactive.
(function () {
  "use strict";
  var WIDTH = 1000; // Of a chart's drawing, in its own units.
  var TICKS = 6; // Labels under a zoomed chart.
  var SMALLEST = 0.01; // A drag across less than this part of a chart is a click.
  var data = JSON.parse(document.getElementById("chart-data").textContent);
  var groups = {};

  function View(plot, chart, group) {
    this.plot = plot;
    this.group = group;
    this.at = null;
    this.chart = chart;
    this.figure = plot.closest("figure");
    this.drawing = plot.querySelector("svg");
    this.axis = this.figure.querySelector(".frame .x");
    this.ticks = this.axis.innerHTML;
    this.hidden = {};
    this.cursor = made("i", "cursor");
    this.tip = made("div", "tip");
    this.brush = made("i", "brush");
    this.cursor.hidden = this.tip.hidden = this.brush.hidden = true;
    plot.append(this.brush, this.cursor, this.tip);
    // What a screen reader says when the cursor is moved by keys.
    this.spoken = made("p", "hidden");
    this.spoken.setAttribute("role", "status");
    this.reset = made("button", "reset");
    this.reset.type = "button";
    this.reset.textContent = "Show all";
    this.reset.hidden = true;
    this.figure.append(this.spoken);
    this.figure.querySelector("figcaption").append(this.reset);
    this.reset.addEventListener("click", function () { zoom(group, 0, 1); });
    this.legend();
    this.listen(group);
  }

  function made(element, name) {
    var node = document.createElement(element);
    node.className = name;
    return node;
  }

  View.prototype.legend = function () {
    var view = this;
    var list = this.figure.querySelector(".legend");
    list.removeAttribute("aria-hidden");
    list.querySelectorAll("li").forEach(function (item) {
      var name = item.dataset.series;
      var button = made("button", "");
      button.type = "button";
      button.setAttribute("aria-pressed", "true");
      button.append.apply(button, Array.from(item.childNodes));
      item.append(button);
      button.addEventListener("click", function () {
        view.hidden[name] = !view.hidden[name];
        button.setAttribute("aria-pressed", String(!view.hidden[name]));
        view.drawing.querySelectorAll("path").forEach(function (path) {
          if (path.dataset.series === name) { path.style.display = view.hidden[name] ? "none" : ""; }
        });
        view.show(view.at);
      });
    });
  };

  View.prototype.listen = function (group) {
    var view = this;
    var plot = this.plot;
    var dragged = null;
    plot.tabIndex = 0;
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", "Chart; arrow keys move through its values, plus and minus zoom, Escape shows all");

    // Where the pointer is, as a part of the whole axis.
    function part(event) {
      var area = plot.getBoundingClientRect();
      var share = Math.min(1, Math.max(0, (event.clientX - area.left) / area.width));
      return group.from + share * (group.to - group.from);
    }
    function nearest(at) {
      var found = 0;
      view.chart.x.forEach(function (x, index) {
        if (Math.abs(x - at) < Math.abs(view.chart.x[found] - at)) { found = index; }
      });
      return found;
    }

    plot.addEventListener("pointermove", function (event) {
      var at = part(event);
      if (dragged !== null) {
        group.views.forEach(function (other) { other.mark(group, dragged, at); });
      }
      point(group, nearest(at));
    });
    plot.addEventListener("pointerdown", function (event) {
      if (event.button !== 0) { return; }
      dragged = part(event);
      point(group, nearest(dragged));
      // A finger that moves down must go on scrolling, so only a mouse or a pen is held on to.
      if (event.pointerType !== "touch") { plot.setPointerCapture(event.pointerId); }
    });
    plot.addEventListener("pointerup", function (event) {
      var from = dragged;
      var to = part(event);
      dragged = null;
      group.views.forEach(function (other) { other.brush.hidden = true; });
      if (from !== null && Math.abs(to - from) > SMALLEST * (group.to - group.from)) {
        zoom(group, Math.min(from, to), Math.max(from, to));
      }
    });
    plot.addEventListener("pointercancel", function () {
      dragged = null;
      group.views.forEach(function (other) { other.brush.hidden = true; });
    });
    plot.addEventListener("pointerleave", function () {
      if (dragged === null) { point(group, null); }
    });
    plot.addEventListener("dblclick", function () { zoom(group, 0, 1); });
    plot.addEventListener("blur", function () { point(group, null); });
    plot.addEventListener("keydown", function (event) {
      var last = view.chart.x.length - 1;
      var at = group.at === null ? nearest(group.from) : group.at;
      var step = event.shiftKey ? 10 : 1;
      var width = group.to - group.from;
      var middle = view.chart.x[at];
      switch (event.key) {
        case "ArrowLeft": at = Math.max(0, at - step); break;
        case "ArrowRight": at = Math.min(last, group.at === null ? at : at + step); break;
        case "Home": at = nearest(group.from); break;
        case "End": at = nearest(group.to); break;
        case "+": case "=": zoom(group, middle - width / 4, middle + width / 4); break;
        case "-": zoom(group, middle - width, middle + width); break;
        case "Escape": zoom(group, 0, 1); break;
        default: return;
      }
      event.preventDefault();
      point(group, at);
      view.spoken.textContent = view.words(at).join(", ");
    });
  };

  // Where a part of the whole axis is drawn, as a part of what is shown.
  function place(group, at) {
    return (at - group.from) / (group.to - group.from);
  }

  View.prototype.mark = function (group, from, to) {
    var left = place(group, Math.min(from, to));
    this.brush.style.left = left * 100 + "%";
    this.brush.style.width = (place(group, Math.max(from, to)) - left) * 100 + "%";
    this.brush.hidden = false;
  };

  View.prototype.words = function (index) {
    var view = this;
    var words = [this.chart.labels[index]];
    this.chart.lines.forEach(function (series) {
      if (view.hidden[series.name]) { return; }
      var value = series.values[index];
      words.push(series.name + ": " + (value === null ? "no data" : value + " " + view.chart.unit));
    });
    return words;
  };

  // Shows the values of a point; of none when there is none, or it is not in sight.
  View.prototype.show = function (index) {
    this.at = index;
    var at = index === null || index === undefined ? -1 : place(this.group, this.chart.x[index]);
    var visible = at >= 0 && at <= 1;
    this.cursor.hidden = this.tip.hidden = !visible;
    if (!visible) { return; }
    this.tip.textContent = "";
    this.words(index).forEach(function (text, number) {
      var row = made(number === 0 ? "strong" : "span", "");
      row.textContent = text;
      this.tip.append(row);
    }, this);
    this.cursor.style.left = this.tip.style.left = at * 100 + "%";
    this.tip.classList.toggle("left", at > 0.5);
  };

  function point(group, index) {
    group.at = index;
    group.views.forEach(function (view) { view.show(index); });
  }

  function zoom(group, from, to) {
    var width = Math.min(1, Math.max(to - from, 2 * SMALLEST));
    group.from = Math.min(1 - width, Math.max(0, from));
    group.to = group.from + width;
    group.views.forEach(function (view) { view.draw(group); });
    point(group, group.at);
  }

  View.prototype.draw = function (group) {
    var whole = group.to - group.from >= 1;
    this.drawing.setAttribute("viewBox", [group.from * WIDTH, 0, (group.to - group.from) * WIDTH, 300].join(" "));
    this.plot.classList.toggle("zoomed", !whole);
    this.reset.hidden = whole;
    this.plot.querySelectorAll(".phase").forEach(function (band) {
      if (band.dataset.left === undefined) {
        band.dataset.left = parseFloat(band.style.left) / 100;
        band.dataset.width = parseFloat(band.style.width) / 100;
      }
      var left = Number(band.dataset.left);
      var from = Math.max(0, place(group, left));
      var to = Math.min(1, place(group, left + Number(band.dataset.width)));
      band.hidden = to <= from && !whole;
      band.style.left = from * 100 + "%";
      band.style.width = Math.max(0, to - from) * 100 + "%";
    });
    if (whole) {
      this.axis.innerHTML = this.ticks;
      return;
    }
    this.axis.textContent = "";
    var shown = [];
    this.chart.x.forEach(function (x, index) {
      if (x >= group.from && x <= group.to) { shown.push(index); }
    });
    var step = Math.max(1, Math.ceil(shown.length / TICKS));
    for (var number = 0; number < shown.length; number += step) {
      var tick = made("span", "");
      tick.textContent = this.chart.labels[shown[number]];
      tick.style.left = place(group, this.chart.x[shown[number]]) * 100 + "%";
      this.axis.append(tick);
    }
  };

  document.querySelectorAll("[data-chart]").forEach(function (plot) {
    var chart = data[plot.dataset.chart];
    if (!chart || chart.x.length === 0) { return; }
    // Charts that have the same points have the same axis.
    var key = chart.x.length + "|" + chart.labels[0] + "|" + chart.labels[chart.labels.length - 1];
    var group = groups[key] = groups[key] || { from: 0, to: 1, at: null, views: [] };
    group.views.push(new View(plot, chart, group));
  });
})();
