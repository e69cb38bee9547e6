// An HTTPS server: node server.js HOST CERT.pem KEY.pem CA.pem. At port 4434 clients need a certificate.
const fs = require('fs')
const https = require('https')

const [host, cert, key, ca] = process.argv.slice(2)
const options = { cert: fs.readFileSync(cert), key: fs.readFileSync(key), ca: fs.readFileSync(ca), minVersion: 'TLSv1.2' }
const answer = (request, response) => response.end('hello')

console.log('OpenSSL', process.versions.openssl)
https.createServer({ ...options, requestCert: true, rejectUnauthorized: true }, answer).listen(4434, host, () => {
  https.createServer(options, answer).listen(4433, host)
})
