// A plugin without the SDK: nothing catches what it throws. The argument is a part of the message.

export const processor = {
  process(_id, args) {
    const [word] = JSON.parse(args);
    throw new TypeError(`cannot handle ${word}`);
  },
};
