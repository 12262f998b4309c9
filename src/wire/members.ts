import { registerDecorator, validateSync, type ValidationOptions } from 'class-validator';
import { accessIdFault, timestampFault } from '../notifier/event.js';

/** The rules of the wire's members as class-validator decorators: one wording wherever a member is read. */

type Fault = (value: unknown) => string | undefined;

function memberRule(name: string, fault: Fault): (options?: ValidationOptions) => PropertyDecorator {
  return (options = {}) =>
    (target, property) =>
      registerDecorator({
        name,
        target: target.constructor,
        propertyName: property as string,
        options,
        validator: {
          validate: (value) => fault(value) === undefined,
          defaultMessage: (args) => `${String(property)} ${fault(args?.value) ?? 'is not valid'}`,
        },
      });
}

/** A user's id: see `accessIdFault`. */
export const IsAccessId = memberRule('isAccessId', accessIdFault);

/** An integer of the connectors' choosing: see `timestampFault`. */
export const IsTimestamp = memberRule('isTimestamp', timestampFault);

/** Any JSON value, `null` included. */
export const IsPresent = memberRule('isPresent', (value) =>
  value === undefined ? 'must be a JSON value' : undefined,
);

export const IsString = memberRule('isString', (value) =>
  typeof value === 'string' ? undefined : 'must be a string',
);

/**
 * The first thing that is wrong with `request`, as `member must …`; `undefined` where nothing is.
 *
 * @param members what it was made of
 */
export function firstFault(request: object, members: object): string | undefined {
  const [error] = validateSync(request, { stopAtFirstError: true });
  if (!error) return undefined;
  const fault = Object.values(error.constraints ?? {})[0]!;
  if (error.value !== undefined) return fault;
  const spelling = otherSpelling(members, error.property);
  return `${fault} (${spelling === undefined ? 'it is missing' : `it is written ${spelling}`})`;
}

const letters = (name: string) => name.toLowerCase().replaceAll(/[_-]/g, '');

/** How a member is written that stands there by another spelling: `accessId` for `access_id`. The same letters, so that nothing of the client's is quoted. */
export function otherSpelling(members: object, name: string): string | undefined {
  return Object.keys(members).find(
    (key) => key !== name && key.length <= name.length + 2 && letters(key) === letters(name),
  );
}
