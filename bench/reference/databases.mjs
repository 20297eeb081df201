// Where the reference keeps its runs.
import Database from 'better-sqlite3'
import { PostgresDialect, SqliteDialect } from 'kysely'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'

export class Files {
  constructor(folder) {
    this.folder = folder
  }

  open(name) {
    const database = this.#open(name)
    return { dialect: new SqliteDialect({ database }), close: () => database.close() }
  }

  run(name, sql) {
    const database = this.#open(name)
    database.prepare(sql).run()
    database.close()
  }

  size(name) {
    const database = this.#open(name)
    database.pragma('wal_checkpoint(TRUNCATE)')
    database.close()
    return statSync(join(this.folder, `${name}.db`)).size
  }

  #open(name) {
    const database = new Database(join(this.folder, `${name}.db`))
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    return database
  }
}

export class OnPostgres {
  #made = new Set()

  constructor(url) {
    this.url = url
  }

  async open(name) {
    const pool = new pg.Pool({ connectionString: await this.#address(name), max: 10 })
    return { dialect: new PostgresDialect({ pool }), close: () => undefined }
  }

  async run(name, sql) {
    return await query(await this.#address(name), sql)
  }

  async size(name) {
    await this.run(name, 'VACUUM')
    const { rows } = await this.run(name, 'SELECT pg_database_size(current_database()) AS size')
    return Number(rows[0].size)
  }

  async #address(name) {
    if (!this.#made.has(name)) {
      await query(this.url, `CREATE DATABASE "${name}"`)
      this.#made.add(name)
    }
    return this.url.replace(/[^/]*$/, name)
  }
}

async function query(address, sql) {
  const client = new pg.Client({ connectionString: address })
  await client.connect()
  const found = await client.query(sql)
  await client.end()
  return found
}
