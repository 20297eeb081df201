/**
 * Simulated power cuts, failing files and full storage under the real engine:
 *
 *     node main.js sample [SEED]       some cuts, and proof that they would find planted faults
 *     node main.js all [SEED]          every cut
 *     node main.js faults              failing files only, every one
 *     node main.js full                full storage only, every room
 *     node main.js replay CUT [FAULT]  one cut, as it was reported; FAULT: the planted one
 */
import { resolve } from 'node:path'
import { fillDisks } from './full-disk'
import { attempt, faultsOfHandles, parseCase } from './handle-faults'
import { PLANTED_FAULTS } from './plants'
import { prove, report, runAll, type Extents } from './report'
import { Life, parseCut } from './simulate'
import { Site } from './site'
import { watch } from './watchdog'

const SAMPLE: Extents = {
  birth: { cutPoints: 30, survivals: 4, draws: 1, enough: 3 },
  life: { cutPoints: 50, survivals: 4, draws: 1, enough: 3 },
  checkpoints: { cutPoints: 80, survivals: 4, draws: 1, enough: 3 },
  packing: { cutPoints: 40, survivals: 4, draws: 1, enough: 3 },
  switching: { cutPoints: 40, survivals: 4, draws: 1, enough: 3 },
}
const EVERY = { cutPoints: Infinity, survivals: Infinity, draws: 1, enough: 3 }
const ALL: Extents = { birth: EVERY, life: EVERY, checkpoints: EVERY, packing: EVERY, switching: EVERY }

/** How many lives of each workload are cut everywhere. */
const LIVES = 3

/** By which rooms for a database grow: every page, or some of them. */
const PAGE_BYTES = 4096
const SOME_BYTES = 150_000

async function main([mode, ...rest]: string[]): Promise<boolean> {
  watch()
  // The program lies in build/power.
  const site = await Site.open(resolve(import.meta.dirname, '../..'))
  if (mode === 'replay') return replay(site, rest[0] ?? '', rest[1])
  if (mode === 'faults') return faultsOfHandles(site, { every: 1, seed: 1 })
  if (mode === 'full') return fillDisks(site, Number(rest[0] ?? PAGE_BYTES), Number(rest[1] ?? 0))
  const isSample = mode !== 'all'
  const seed = Number(rest[0] ?? 1)
  if (!Number.isSafeInteger(seed)) throw new Error(`A seed is a whole number, not ${rest[0]}.`)
  const seeds = Array.from({ length: isSample ? 1 : LIVES }, (_, life) => seed + life)
  // Each of them, whatever becomes of the others.
  const holds = seeds.map((each) => runAll(site, isSample ? SAMPLE : ALL, each)).every(Boolean)
  const bites = prove(site, SAMPLE, seed, !isSample)
  const survives = faultsOfHandles(site, isSample ? { every: 20, seed } : { every: 1, seed })
  const resumes = fillDisks(site, isSample ? SOME_BYTES : PAGE_BYTES)
  return holds && bites && survives && resumes
}

/** What `text` of a report stands for, a power cut or a failing handle, once more. */
function replay(site: Site, text: string, plantedName: string | undefined): boolean {
  const failing = parseCase(text)
  const found = failing === undefined ? replayCut(site, text, plantedName) : attempt(site, failing).fault
  report(found === '' ? `${text} holds` : `${text}: ${found}`)
  return found === ''
}

function replayCut(site: Site, text: string, plantedName: string | undefined): string {
  const cut = parseCut(text)
  const planted = plantedName === undefined ? undefined : PLANTED_FAULTS[plantedName]
  if (plantedName !== undefined && planted === undefined)
    throw new Error(`There is no fault ${plantedName}: ${Object.keys(PLANTED_FAULTS).join(', ')}.`)
  return new Life(site, cut.workload, cut.seed, planted).replay(cut)
}

try {
  process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1
} catch (error) {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error)
  process.exitCode = 1
}
// Python and the watchdog would keep the process alive.
process.exit()
