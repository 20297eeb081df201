import { describe, expect, test } from 'vitest'
import { completed, run, step } from '../../../src/react/examples'
import {
  after,
  changesOf,
  deleted,
  edited,
  inWords,
  keyOf,
  makeNote,
  whereabouts,
  type Outcome,
} from './notes'
import { outcomesOf, sentBy, toOutcomes } from './outcomes'
import { parseChoice, printChoice, STEADY, toServer } from './server-choice'

const note = makeNote('a', 'Milk')
const NOTHING = new Set<string>()

function pushed(version: number, isDeleted = false): Outcome {
  return { kind: 'pushed', id: 'a', version, words: '“Milk”', deleted: isDeleted, revision: String(version) }
}

function refused(version: number): Outcome {
  return { kind: 'refused', id: 'a', version, words: '“Milk”', reason: 'no' }
}

function told(before: typeof note, ...outcomes: Outcome[]): typeof note {
  return outcomes.reduce((each, outcome) => {
    const next = after(each, outcome)
    if (next === null) throw new Error('The note is gone.')
    return next
  }, before)
}

describe('a note', () => {
  test('that is new has to be sent', () => {
    expect(changesOf([note], NOTHING)).toEqual([{ id: 'a', version: 1, text: 'Milk', deleted: false }])
    expect(inWords(note, whereabouts(note, NOTHING))).toBe('Saved here')
    expect(inWords(note, whereabouts(note, new Set(['a/1'])))).toBe('On its way')
    expect(whereabouts(note, new Set(['a/2', 'b/1']))).toBe('here')
  })

  test('that a run sends needs no other run', () => {
    expect(changesOf([note], new Set(['a/1']))).toEqual([])
    expect(changesOf([edited(note, 'Bread')], new Set(['a/1']))).toHaveLength(1)
  })

  test('on the server needs not be sent', () => {
    const there = told(note, pushed(1))
    expect(changesOf([there], NOTHING)).toEqual([])
    // A run that is to send it once more changes nothing.
    expect(inWords(there, whereabouts(there, new Set(['a/1'])))).toBe('On the server, revision 1')
  })

  test('that was edited meanwhile has to be sent again', () => {
    const there = told(edited(note, 'Bread'), pushed(1))
    expect(changesOf([there], NOTHING)).toEqual([{ id: 'a', version: 2, text: 'Bread', deleted: false }])
    expect(whereabouts(there, NOTHING)).toBe('here')
  })

  test('that was refused waits for an edit', () => {
    const sent = told(note, refused(1))
    expect(changesOf([sent], NOTHING)).toEqual([])
    expect(inWords(sent, whereabouts(sent, NOTHING))).toBe('Refused: no')
    expect(changesOf([edited(sent, 'Bread')], NOTHING)).toHaveLength(1)
  })

  test('is not set back by what was known before', () => {
    const there = told(edited(note, 'Bread'), pushed(2), pushed(1))
    expect(there.pushed?.version).toBe(2)
    expect(after(there, pushed(2))).toBe(there)
    const sent = told(edited(note, 'Bread'), refused(2), refused(1))
    expect(sent.refused?.version).toBe(2)
    expect(after(sent, refused(2))).toBe(sent)
  })

  test('that was deleted is forgotten when the server has deleted it', () => {
    const gone = deleted(note)
    expect(changesOf([gone], NOTHING)).toEqual([{ id: 'a', version: 2, text: 'Milk', deleted: true }])
    expect(inWords(gone, whereabouts(gone, NOTHING))).toBe('Deleted here')
    expect(inWords(gone, whereabouts(gone, new Set(['a/2'])))).toBe('Being deleted on the server')
    expect(after(gone, pushed(1))).not.toBeNull()
    expect(after(gone, pushed(2, true))).toBeNull()
  })

  test('may have no revision', () => {
    const there = told(note, { ...pushed(1), revision: null } as Outcome)
    expect(inWords(there, 'on-the-server')).toBe('On the server')
  })
})

describe('what runs tell', () => {
  test('is read from their outputs', () => {
    expect(toOutcomes({ pushed: [{ ...pushed(1) }], refused: [{ ...refused(2) }] })).toEqual([
      pushed(1),
      refused(2),
    ])
  })

  test.each([null, undefined, {}, { pushed: [] }, { pushed: [3], refused: [] }])(
    'is nothing for %j',
    (output) => {
      expect(toOutcomes(output)).toBeNull()
    },
  )

  test('is read from steps of runs that go on or have failed', () => {
    const steps = [
      { ...step(0), output: { ...pushed(1) } },
      { ...step(1), output: { kind: 'failed', reason: 'away' } },
      { ...step(2), output: { ...refused(3) } },
      { ...step(3), output: null },
    ]
    expect(outcomesOf(steps)).toEqual([pushed(1), refused(3)])
  })

  test('is also what they are to send', () => {
    const input = { changes: [{ id: 'a', version: 2 }, { id: 'b', version: 'x' }, null] }
    expect(sentBy(run({ input }))).toEqual([keyOf({ id: 'a', version: 2 })])
    expect(sentBy(completed)).toEqual([])
  })
})

describe('the server', () => {
  test.each([
    { kind: 'practice', mood: 'flaky', url: 'https://a.example' },
    { kind: 'http', mood: 'down', url: '' },
  ] as const)('is the same at the next visit: %j', (choice) => {
    expect(parseChoice(printChoice(choice))).toEqual(choice)
  })

  test.each([null, '', '{', '3', 'null', '{}', '{"kind": "x", "mood": "y", "url": 3}'])(
    'is the steady one when %j was kept',
    (text) => {
      expect(parseChoice(text)).toEqual(STEADY)
    },
  )

  test('is told to the job', () => {
    expect(toServer({ ...STEADY, mood: 'down' })).toEqual({ kind: 'practice', mood: 'down' })
    expect(toServer({ kind: 'http', mood: 'down', url: ' https://a.example ' })).toEqual({
      kind: 'http',
      url: 'https://a.example',
    })
  })
})
