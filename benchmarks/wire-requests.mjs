/** The requests that every client of the `wire` benchmark sends: an alert of 200 bytes to a thousand devices in turn. */

export const TOPIC = 'com.example.app';
export const NOTIFICATION = {
  alert: {
    title: 'Hello there',
    body: 'This is a typical push message body of moderate length, as in the wild.',
  },
  badge: 1,
  sound: 'default',
  payload: { nid: 123456 },
};
const { payload, ...aps } = NOTIFICATION;
export const PAYLOAD = JSON.stringify({ aps, ...payload });

export const HEADERS = {
  'apns-topic': TOPIC,
  'apns-push-type': 'alert',
  'apns-priority': '10',
  'apns-expiration': '1900000000',
  'apns-collapse-id': 'pf-bench-1',
};

export const DEVICE_TOKENS = Array.from({ length: 1_000 }, (_, i) =>
  (Math.imul(i + 1, 2654435761) >>> 0).toString(16).padStart(8, '0').repeat(8),
);

/** Requests before the measurement: Node compiles what is hot. */
export const WARM_UP = 10_000;
