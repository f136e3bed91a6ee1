// One request, under the model that the suite asks for.
import http from "k6/http";
import { sleep } from "k6";

const users = Number(__ENV.USERS);
const duration = `${__ENV.SECONDS}s`;
const body = __ENV.BODY ? open(__ENV.BODY) : null;
const json = { headers: { "content-type": "application/json" } };

const scenarios = {
  closed: { executor: "constant-vus", vus: users, duration, gracefulStop: "1s" },
  open: {
    executor: "constant-arrival-rate",
    rate: Number(__ENV.RATE),
    timeUnit: "1s",
    duration,
    preAllocatedVUs: users,
    gracefulStop: "5s",
  },
  users: {
    executor: "ramping-vus",
    stages: [
      { target: users, duration: `${__ENV.RAMP_SECONDS}s` },
      { target: users, duration: `${Number(__ENV.SECONDS) - Number(__ENV.RAMP_SECONDS)}s` },
    ],
    gracefulStop: "0s",
  },
};

export const options = {
  discardResponseBodies: true,
  summaryTrendStats: ["med", "p(95)", "p(99)", "p(99.9)", "max"],
  scenarios: { load: scenarios[__ENV.MODEL] },
};

export default function () {
  if (body === null) {
    http.get(__ENV.URL);
  } else {
    http.post(__ENV.URL, body, json);
  }
  if (__ENV.MODEL === "users") {
    sleep(10);
  }
}
