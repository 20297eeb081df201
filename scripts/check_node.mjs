// Says which Node is needed, in a sentence, before npm says it in a hundred lines.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Durably needs Node 20.19 or newer; this is ${process.version}.`)
  process.exit(1)
}
