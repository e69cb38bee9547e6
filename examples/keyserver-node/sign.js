// Signs with the key "web" of a key server, checks the signature, and asks for the server's health.
//
//	node sign.js HOST:PORT
//
// The files of the certificates are those of page 9 of the guide, in the working directory.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const options = { keepCase: true, enums: String, defaults: true };
const proto = path.join(__dirname, '../../remote/keyserverpb/keyserver.proto');
const { KeyServer } = grpc.loadPackageDefinition(loader.loadSync(proto, options)).asynccrypto.keyserver.v1;

// The standard health service (grpc/health/v1/health.proto), as far as it is needed.
const { Health } = grpc.loadPackageDefinition(loader.fromJSON({
  nested: {
    grpc: { nested: { health: { nested: { v1: { nested: {
      HealthCheckRequest: { fields: { service: { type: 'string', id: 1 } } },
      HealthCheckResponse: { fields: { status: { type: 'Status', id: 1 } } },
      Status: { values: { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } },
      Health: { methods: { Check: { requestType: 'HealthCheckRequest', responseType: 'HealthCheckResponse' } } },
    } } } } } },
  },
}, options)).grpc.health.v1;

async function main(address) {
  const credentials = grpc.credentials.createSsl(fs.readFileSync('ca.pem'), fs.readFileSync('app.key'), fs.readFileSync('app.pem'));
  const server = new KeyServer(address, credentials);
  const health = new Health(address, credentials);
  // call calls a method, which has three seconds for its answer.
  const call = (client, method, request) =>
    promisify(client[method]).call(client, request, new grpc.Metadata(), { deadline: Date.now() + 3000 });
  try {
    const { status } = await call(health, 'Check', {});
    console.log('health:', status);

    const { keys } = await call(server, 'ListKeys', {});
    for (const key of keys) console.log('key:', key.name, key.allowed.join(' '));
    const web = keys.find((key) => key.name === 'web');
    if (!web) throw new Error('the server has no key "web" for this client');

    const key = crypto.createPublicKey({ key: web.public_key, format: 'der', type: 'spki' });
    const pss = key.asymmetricKeyType === 'rsa'; // otherwise this client takes it for an ECDSA key

    const message = Buffer.from('hello');
    const answer = await call(server, 'Sign', {
      operation: 'OPERATION_SIGN', key_name: 'web', message, hash: 'HASH_SHA256',
      padding: pss ? 'PADDING_PSS' : 'PADDING_NONE', salt_length: pss ? 32 : 0,
    });
    if (answer.status !== 'STATUS_OK') throw new Error(`${answer.status}: ${answer.text}`);
    const padding = pss ? { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {};
    const valid = crypto.verify('sha256', message, { key, ...padding }, answer.signature);
    console.log('signature:', valid ? 'valid' : 'NOT VALID');
  } finally {
    server.close();
    health.close();
  }
}

main(process.argv[2] ?? 'localhost:7071').catch((err) => {
  console.error(err.message);
  process.exitCode = 1;
});
