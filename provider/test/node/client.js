// A client with a certificate: node client.js URL CERT.pem KEY.pem CA.pem COUNT
const fs = require('fs')
const https = require('https')

const [url, cert, key, ca, count] = process.argv.slice(2)
const options = { cert: fs.readFileSync(cert), key: fs.readFileSync(key), ca: fs.readFileSync(ca), agent: false }

function next (left) {
  if (left === 0) return
  https.get(url, options, response => {
    let said = ''
    response.on('data', data => { said += data })
    response.on('end', () => {
      if (said !== 'hello') throw new Error(`it says ${said}`)
      next(left - 1)
    })
  })
}
next(Number(count))
