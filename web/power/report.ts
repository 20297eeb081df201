import { PLANTED_FAULTS, type PlantedFault } from './plants'
import { cutText, Life, type Extent, type Outcome } from './simulate'
import type { Site } from './site'

/** How much is tried of each workload. */
export type Extents = Record<'birth' | 'life' | 'checkpoints' | 'packing' | 'switching', Extent>

export function report(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Cuts the power in every workload. Says whether everything held. */
export function runAll(site: Site, extents: Extents, seed: number): boolean {
  const began = performance.now()
  const total = { cutPoints: 0, variants: 0, images: 0 }
  let holds = true
  report(`Power cuts, seed ${seed}`)
  for (const [workload, extent] of Object.entries(extents)) {
    const life = new Life(site, workload, seed)
    const outcome = life.cut(extent)
    total.cutPoints += outcome.cutPoints
    total.variants += outcome.variants
    total.images += outcome.images
    report(
      `  ${workload.padEnd(12)} ${counted(outcome)} of ${outcome.operations} operations, ${life.summary.commits} commits`,
    )
    for (const { cut, fault } of outcome.failures) {
      holds = false
      report(`    FAILED: ${fault}\n    again: make test-power-replay CUT=${cutText(cut)}`)
    }
  }
  report(`  ${'in all'.padEnd(12)} ${counted(total)}, ${seconds(began)} s`)
  return holds
}

/** Plants each fault and says whether these cuts find all of them; `thoroughly`: looks in every workload. */
export function prove(site: Site, extents: Extents, seed: number, thoroughly: boolean): boolean {
  const began = performance.now()
  report('Planted faults, each of which must be found')
  const found = Object.entries(PLANTED_FAULTS).map(([name, planted]) =>
    proveOne(site, extents, seed, name, planted, thoroughly),
  )
  report(`  ${seconds(began)} s`)
  return found.every(Boolean)
}

function proveOne(
  site: Site,
  extents: Extents,
  seed: number,
  name: string,
  planted: PlantedFault,
  thoroughly: boolean,
): boolean {
  report(`  ${name.padEnd(16)} ${planted.title}`)
  let found = 0
  for (const [workload, extent] of Object.entries(extents)) {
    if (found > 0 && !thoroughly) break
    const [failure] = new Life(site, workload, seed, planted).cut({ ...extent, enough: 1 }).failures
    found += Number(failure !== undefined)
    const what = failure === undefined ? 'nothing' : `${cutText(failure.cut)}: ${firstLine(failure.fault)}`
    report(`    ${what}`)
  }
  if (found === 0) report(`    FAILED: not found`)
  return found > 0
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}

export function seconds(began: number): string {
  return ((performance.now() - began) / 1000).toFixed(1)
}

function counted({
  cutPoints,
  variants,
  images,
}: Pick<Outcome, 'cutPoints' | 'variants' | 'images'>): string {
  return `${cutPoints} cut points, ${variants} variants, ${images} different outcomes`
}
