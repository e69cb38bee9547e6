// A client of the key server in JavaScript, from the published .proto. It signs in single calls and in a
// session, verifies the signatures, lists keys and asks for health.
//
//   node client.js NODE:PORT SERVERNAME PROTO CERT KEY CA
"use strict"
const assert = require("assert")
const crypto = require("crypto")
const fs = require("fs")
const grpc = require("@grpc/grpc-js")
const loader = require("@grpc/proto-loader")
const health = require("grpc-health-check")

const [address, serverName, proto, cert, key, ca] = process.argv.slice(2)
const options = {keepCase: true, longs: String, enums: String, defaults: true, oneofs: true}
const load = file => grpc.loadPackageDefinition(loader.loadSync(file, options))
const KeyServer = load(proto).asynccrypto.keyserver.v1.KeyServer
const Health = load(health.protoPath).grpc.health.v1.Health

const credentials = grpc.credentials.createSsl(fs.readFileSync(ca), fs.readFileSync(key), fs.readFileSync(cert))
const channel = {"grpc.ssl_target_name_override": serverName}
const client = new KeyServer(address, credentials, channel)

// call makes a single call.
const call = (client, method, request) => new Promise((resolve, reject) => {
  client[method](request, {deadline: Date.now() + 120_000}, (err, answer) => err ? reject(err) : resolve(answer))
})

const message = Buffer.from("a message from node " + process.version)
const digest = crypto.createHash("sha256").update(message).digest()
const pss = {padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32}

async function main() {
  const {keys} = await call(client, "ListKeys", {})
  assert.deepStrictEqual(keys.map(k => k.name), ["ec", "ed", "rsa"])
  const publicKeys = Object.fromEntries(keys.map(k => [k.name, crypto.createPublicKey({key: k.public_key, format: "der", type: "spki"})]))
  const signed = (request, answer) => {
    assert.strictEqual(answer.status, "STATUS_OK", answer.text)
    const k = publicKeys[request.key_name]
    const ok = crypto.verify(request.hash ? "sha256" : null, message, request.salt_length ? {key: k, ...pss} : k, answer.signature)
    assert(ok, "the signature of " + request.key_name + " is not valid")
  }
  const requests = [
    {key_name: "rsa", hash: "HASH_SHA256", padding: "PADDING_PSS", salt_length: 32, digest},
    {key_name: "rsa", hash: "HASH_SHA256", padding: "PADDING_PKCS1", message},
    {key_name: "ec", hash: "HASH_SHA256", digest},
    {key_name: "ec", hash: "HASH_SHA256", message},
    {key_name: "ed", message},
  ]
  for (const request of requests) signed(request, await call(client, "Sign", request))

  const denied = await call(client, "Sign", {key_name: "rsa", padding: "PADDING_PKCS1", digest})
  assert.strictEqual(denied.status, "STATUS_DENIED", denied.text) // no hash
  const unknown = await call(client, "Sign", {key_name: "none", hash: "HASH_SHA256", digest})
  assert.strictEqual(unknown.status, "STATUS_NO_KEY", unknown.text)

  // A session: all requests at once, many times over.
  const session = client.Session()
  const sent = new Map()
  await new Promise((resolve, reject) => {
    session.on("error", reject)
    session.on("data", ({hello, answers}) => {
      if (hello) {
        assert.strictEqual(hello.min_version, 1)
        assert(hello.in_flight >= 64, "the server takes " + hello.in_flight + " requests at a time")
        for (let id = 1; id <= 60; id++) sent.set(String(id), {id, operation: "OPERATION_SIGN", ...requests[id % requests.length]})
        session.write({requests: [...sent.values()]})
      }
      for (const answer of answers) {
        const request = sent.get(answer.id)
        assert(request, "an answer to no request")
        sent.delete(answer.id)
        signed(request, answer)
        if (sent.size === 0) session.end()
      }
    })
    session.on("end", resolve)
    session.write({hello: {min_version: 1, max_version: 1, max_message: 262144}})
  })
  assert.strictEqual(sent.size, 0)

  const checker = new Health(address, credentials, channel)
  for (const service of ["", "asynccrypto.keyserver.v1.KeyServer"]) {
    const {status} = await call(checker, "Check", {service})
    assert.strictEqual(status, "SERVING", service)
  }
  await assert.rejects(call(checker, "Check", {service: "other"}), {code: grpc.status.NOT_FOUND})

  // Without a certificate the handshake fails.
  const nobody = new KeyServer(address, grpc.credentials.createSsl(fs.readFileSync(ca)), channel)
  await assert.rejects(call(nobody, "ListKeys", {}), {code: grpc.status.UNAVAILABLE})
  for (const c of [client, checker, nobody]) c.close()
  console.log("all is well")
}

main().catch(err => {
  console.error(err)
  process.exit(1)
})
