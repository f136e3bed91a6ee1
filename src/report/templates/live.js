// Brings the page of a run that is going on up to date, and says when there is nothing more to come.
(function () {
  "use strict";
  var EVERY_MS = 5000;
  setTimeout(function update() {
    fetch(location.href).then(function (answer) {
      if (!answer.ok) { throw new Error(answer.statusText); }
      return answer.text();
    }).then(function (page) {
      if (page === window.shownPage) { setTimeout(update, EVERY_MS); return; }
      window.shownPage = page;
      document.open();
      document.write(page);
      document.close();
    }).catch(function () {
      document.querySelector(".live").textContent =
        "The run is over, or its program is gone: its report.html has the last word.";
    });
  }, EVERY_MS);
})();
