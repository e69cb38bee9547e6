// The other side of "go run ./bench sign -node": RSA signatures by the OpenSSL inside Node.js.
//
//   node sign.cjs version   Node's version and OpenSSL's, or a complaint with status 1
//   node sign.cjs MS        sign for at least MS milliseconds, after a warm-up of a quarter of that
//
// The second reads two lines of hex from its standard input, a key as PKCS #8 and a message. It
// writes the number of signatures, the seconds, the seconds of CPU time, and the microseconds of
// CPU time that an HMAC-SHA256 of the same message takes: Node's calls and the hashing cost about
// as much without RSA. A line with the last signature in hex follows.
'use strict';
const crypto = require('crypto');
const fs = require('fs');

if (process.argv[2] === 'version') {
  if (process.config.variables.openssl_no_asm) {
    console.error('its OpenSSL was built without assembly, which is no comparison');
    process.exit(1);
  }
  console.log(process.versions.node, process.versions.openssl);
  process.exit(0);
}

const ms = Number(process.argv[2]);
const [der, message] = fs.readFileSync(0, 'latin1').trim().split('\n').map((line) => Buffer.from(line, 'hex'));
const key = crypto.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
let signature;

// One reading of the clock for each batch of calls is lost in the noise.
function loop(ms, batch, call) {
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  const until = start + BigInt(Math.ceil(ms * 1e6));
  let done = 0;
  let now;
  do {
    for (let i = 0; i < batch; i++) call();
    done += batch;
    now = process.hrtime.bigint();
  } while (now < until);
  const used = process.cpuUsage(cpu);
  return { done, seconds: Number(now - start) / 1e9, cpu: (used.user + used.system) / 1e6 };
}

const sign = () => { signature = crypto.sign('sha256', message, key); };
const hmac = () => crypto.createHmac('sha256', message).update(message).digest();

loop(ms / 4, 8, sign);
const signed = loop(ms, 8, sign);
loop(ms / 20, 64, hmac);
const called = loop(ms / 20, 64, hmac);
console.log(signed.done, signed.seconds, signed.cpu, called.cpu / called.done * 1e6);
console.log(signature.toString('hex'));
