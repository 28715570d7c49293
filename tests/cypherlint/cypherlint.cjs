// node cypherlint.cjs [FOLDER]    Checks every Cypher file below FOLDER (default: cypher) with Neo4j's own parser and
// semantic checker; no server, no network. Names of labels, types and properties come from the embedded engine's
// schema, which is closed: a misspelt one, or a path that can't exist, is reported. Any finding fails.
'use strict'
const fs = require('fs')
const path = require('path')
const { lintCypherQuery } = require('@neo4j-cypher/language-support')

const folder = process.argv[2] ?? 'cypher'

// Files of a folder named `ladybug` are in that engine's dialect: Neo4j need not understand them.
const isNeo4j = (file) => file.endsWith('.cypher') && !path.relative(folder, file).split(path.sep).includes('ladybug')
const filesBelow = (dir) =>
  fs.existsSync(dir)
    ? fs.readdirSync(dir, { recursive: true }).sort().map((name) => path.join(dir, name))
        .filter((file) => file.endsWith('.cypher'))
    : []

// `CREATE NODE TABLE IF NOT EXISTS Card(id STRING PRIMARY KEY, …)`, `CREATE REL TABLE IF NOT EXISTS VOTED(FROM User TO Upgrade, …)`
function readSchema(ddl) {
  const labels = new Set(), relationshipTypes = new Set(), propertyKeys = new Set(), graphSchema = []
  const tables = /CREATE\s+(NODE|REL)\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?`?(\w+)`?\s*\(([^)]*)\)/gi
  for (const [, kind, name, body] of ddl.matchAll(tables)) {
    ;(kind.toUpperCase() === 'NODE' ? labels : relationshipTypes).add(name)
    for (const column of body.replaceAll('`', '').split(',').map((text) => text.trim())) {
      const ends = /^FROM\s+(\w+)\s+TO\s+(\w+)/i.exec(column)
      if (ends) graphSchema.push({ from: ends[1], relType: name, to: ends[2] })
      else if (/^\w+\s+\w/.test(column) && !/^PRIMARY\s+KEY/i.test(column)) propertyKeys.add(column.split(/\s+/)[0])
    }
  }
  if (!labels.size || !relationshipTypes.size) return {}
  return { labels: [...labels], relationshipTypes: [...relationshipTypes], propertyKeys: [...propertyKeys], graphSchema }
}

// The checker takes the fields of a parameter's rows (`UNWIND $rows AS row … row.story`) for properties of the graph.
function rowFields(text) {
  const rows = [...text.matchAll(/\bUNWIND\s+\$\w+\s+AS\s+(\w+)/gi)].map((match) => match[1])
  return rows.flatMap((row) => [...text.matchAll(new RegExp(`\\b${row}\\.(\\w+)`, 'g'))].map((match) => match[1]))
}

const schema = readSchema(
  filesBelow(path.join(folder, 'schema', 'ladybug')).map((file) => fs.readFileSync(file, 'utf8')).join('\n'))
const parameters = new Proxy({}, { get: () => '' }) // it knows every $parameter: which ones a file has is the loader's test

const files = filesBelow(folder).filter(isNeo4j)
let findings = 0
for (const file of files) {
  const text = fs.readFileSync(file, 'utf8')
  const known = schema.propertyKeys && { ...schema, propertyKeys: [...schema.propertyKeys, ...rowFields(text)] }
  const options = { ...known, parameters, defaultLanguage: 'CYPHER 5' }
  for (const { severity, message, range } of lintCypherQuery(text, options, { consoleCommandsEnabled: false }).diagnostics) {
    findings += 1
    const kind = severity === 1 ? 'error' : 'warning'
    console.log(`${file}:${range.start.line + 1}:${range.start.character + 1}: ${kind}: ${message.replace(/\s+/g, ' ')}`)
  }
}
const names = schema.labels ? `${schema.labels.length} labels, ${schema.relationshipTypes.length} relationship types known` : 'names unchecked'
console.log(`Cypher: ${files.length} files checked, ${findings} findings (${names})`)
process.exitCode = findings || !files.length ? 1 : 0
