// What the types of jobs.py must be. Checked with tsc beside the file that `durably types` writes.
import type { Register } from 'durably'
import type {
  AddressInput,
  AddressOutput,
  AliasedInput,
  AliasedOutput,
  AliasedOutput2,
  ByColor,
  Cat,
  Celsius,
  Closed,
  CollectionsInput,
  Color,
  Corner,
  DogInput,
  DogOutput,
  Empty,
  EverythingInput,
  FormatsInput,
  FormatsOutput,
  Jobs,
  Jobs2,
  JobsNamed,
  Level,
  MyModel,
  MyModel2,
  NodeInput,
  NumbersInput,
  NumbersOutput,
  OddInput,
  Open,
  OptionalsInput,
  OptionalsOutput,
  Options,
  OtherModelsNamed,
  PageAddressInput,
  PageIntInput,
  PairStrPageAddressInput,
  PointInput,
  Renamed2D,
  Result,
  ScalarsInput,
  SelfMade,
  Tags,
  TreeInput,
  TuplesInput,
  UnionsInput,
} from './jobs.gen'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Holds only for exactly the same type: `any`, optional fields and unions count. */
declare function same<A, B>(...proof: Same<A, B> extends true ? [] : ['not the same']): void

// Jobs are found by name and by variable.
same<Register['jobs'], Jobs>()
same<
  keyof Jobs,
  | 'do-everything'
  | 'do_everything'
  | 'quiet'
  | 'same_job'
  | 'it\'s "quoted" `here` */ \\'
  | 'quoted'
  | 'named_like_a_variable'
>()
same<Jobs['do-everything'], { input: EverythingInput; output: Result }>()
same<Jobs['do_everything'], Jobs['do-everything']>()
same<Jobs['quiet'], { input: Empty; output: null }>()
same<Jobs['same_job'], Jobs['quiet']>()
same<Jobs['it\'s "quoted" `here` */ \\'], { input: SelfMade; output: JobsNamed }>()
same<Jobs['quoted'], { input: Empty; output: null }>()

// Scalars.
same<
  ScalarsInput,
  {
    text: string
    whole: number
    number: number
    flag: boolean
    nothing: null
    anything: unknown
    documented_anything?: unknown
    some_json: unknown
    raw: string
  }
>()
same<FormatsInput['when' | 'day' | 'at' | 'lasts' | 'id' | 'path'], string>()
same<FormatsInput['price'], number | string>()
same<FormatsOutput['price'], string>()
same<FormatsInput['days'], string[]>()
same<FormatsInput['by_day'], { [key: string]: string | null }>()

// Defaults are optional in inputs, and there in outputs.
same<
  NumbersInput,
  { share: number; strict_share: number; even?: number; maybe_positive?: number | null }
>()
same<
  NumbersOutput,
  { share: number; strict_share: number; even: number; maybe_positive: number | null }
>()
same<
  OptionalsInput,
  {
    required_nullable: string | null
    optional?: string
    optional_nullable?: string | null
    made?: string[]
    nested?: AddressInput | null
    color?: Color
  }
>()
same<
  OptionalsOutput,
  {
    required_nullable: string | null
    optional: string
    optional_nullable: string | null
    made: string[]
    nested: AddressOutput | null
    color: Color
  }
>()

// Inherited fields, collections, tuples.
same<AddressInput, { name: string; street: string; country?: string }>()
same<
  CollectionsInput,
  {
    names: string[]
    tags: string[]
    by_name: { [key: string]: AddressInput }
    by_number: { [key: string]: number }
    lists: (AddressInput | null)[][]
    colors: Color[]
    modes: ('a' | 'b')[]
    untyped: unknown[]
    record: { [key: string]: unknown }
  }
>()
same<TuplesInput['pair'], [number, string]>()
same<TuplesInput['many'], number[]>()
same<TuplesInput['points'], [number, number][]>()
same<TuplesInput['people'], [JobsNamed, AddressInput | null]>()
same<Corner, [number] | [number, number]>()

// Enums and unions.
same<Color, 'red' | 'it\'s "quoted" \\ */'>()
same<Level, 1 | 2>()
same<UnionsInput['mode'], 'fast' | 'slow' | 3 | true | null>()
same<UnionsInput['id'], number | string>()
same<UnionsInput['pet'], Cat | DogInput>()
same<UnionsInput['pets'], (Cat | DogInput)[] | undefined>()
same<UnionsInput['maybe_pet'], Cat | DogInput | null | undefined>()

// The tag must be given even where it has a default.
same<DogInput, { kind: 'dog' | 'wolf'; tricks?: string[] }>()

export function toldApart(pet: Result['given']['unions']['pet']): number | string[] {
  if (pet.kind === 'cat') {
    same<typeof pet, Cat>()
    return pet.lives
  }
  same<typeof pet, DogOutput>()
  return pet.tricks
}

// Recursive and generic models.
same<NodeInput, { value: number; children?: NodeInput[]; parent?: NodeInput | null }>()
same<TreeInput, { [key: string]: TreeInput } | TreeInput[] | number>()
same<PageAddressInput, { items: AddressInput[]; next?: string | null }>()
same<PageIntInput, { items: number[]; next?: string | null }>()
same<PairStrPageAddressInput, { key: string; value: PageAddressInput }>()

// Only models that take anything have an index signature.
same<Closed, { a: number }>()
same<Open, { a: number; [key: string]: unknown }>()
same<Empty, Record<string, never>>()

// Aliases; an output has them only if its model serialises by them.
same<AliasedInput, { fileName: string; 'is-special': number }>()
same<AliasedOutput, { file_name: string; special: number }>()
same<AliasedOutput2, { fileName: string; plain: AliasedOutput }>()

// What is no BaseModel.
same<Options, { verbose: boolean; depth?: number }>()
same<PointInput, { x: number; y?: number }>()
same<Celsius, number>()
same<Tags, string[]>()
same<ByColor, { [key: string]: number }>()
same<SelfMade, { made: string | null }>()

// Names.
same<
  OddInput,
  {
    'no identifier\'"': number
    length?: string
    properties?: { [key: string]: number }
    default?: JobsNamed | null
    $ref?: string
    enum?: "'" | '"' | '`' | '\\' | '\n' | '*/'
    old?: number
    titled?: number
  }
>()
same<EverythingInput['jobs'], Jobs2>()
same<EverythingInput['digits'], Renamed2D>()
same<EverythingInput['underscored'], MyModel>()
same<EverythingInput['joined'], MyModel2>()
same<MyModel['a'] | MyModel2['b'], number>()
same<EverythingInput['mine'], JobsNamed>()
same<EverythingInput['theirs'], OtherModelsNamed>()
same<OtherModelsNamed, { other_name: string }>()

// What a model computes is in its output; what it excludes is not.
same<keyof Result, 'given' | 'aliased' | 'total'>()
same<Result['total'], number>()

// What must not fit.
declare function trigger<Name extends keyof Jobs>(name: Name, input: Jobs[Name]['input']): void
trigger('quiet', {})
// @ts-expect-error - an empty model takes nothing
trigger('quiet', { a: 1 })
// @ts-expect-error - there is no such job
trigger('queit', {})
// @ts-expect-error - a field is missing
trigger('it\'s "quoted" `here` */ \\', {})
// @ts-expect-error - a cat has lives
export const cat: Result['given']['unions']['pet'] = { kind: 'cat', tricks: [] }
// @ts-expect-error - no such color
export const color: Color = 'green'
// @ts-expect-error - not a field
export const closed: Closed = { a: 1, b: 2 }
// @ts-expect-error - not the same
same<ScalarsInput['text'], unknown>()
