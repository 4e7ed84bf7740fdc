// Reads the declarations of kernels in compiled code: machine code (an ELF file, "cubin") or
// portable code (text, "PTX").
#include "driver.h"

#include <cstring>
#include <elf.h>
#include <regex>

namespace stand_in {

// Attributes in a section `.nv.info.KERNEL`, as the CUDA binary tools print them.
constexpr uint8_t sized_value = 0x04;      // format of an attribute with a length and a value
// EIATTR_KPARAM_INFO: index, ordinal and offset, flags with the size from bit 18 on
constexpr uint8_t parameter_info = 0x17;
constexpr uint8_t max_thread_block = 0x05; // EIATTR_MAX_THREADS: x, y, z

template <class T> static T at(const char* bytes, size_t offset) {
    T value;
    memcpy(&value, bytes + offset, sizeof value);
    return value;
}

static void read_attributes(const char* bytes, size_t count, Entry& entry) {
    for (size_t i = 0; i + 4 <= count;) {
        uint8_t format = uint8_t(bytes[i]), attribute = uint8_t(bytes[i + 1]);
        if (format != sized_value) {
            i += 4;
            continue;
        }
        const char* value = bytes + i + 4;
        if (attribute == parameter_info) {
            size_t ordinal = at<uint16_t>(value, 4);
            entry.parameters.resize(std::max(entry.parameters.size(), ordinal + 1));
            entry.parameters[ordinal] = at<uint32_t>(value, 8) >> 18;
        } else if (attribute == max_thread_block) {
            entry.max_threads = at<uint32_t>(value, 0) * at<uint32_t>(value, 4) * at<uint32_t>(value, 8);
        }
        i += 4 + at<uint16_t>(bytes, i + 2);
    }
}

static bool read_machine_code(const char* bytes, Image& image) {
    auto header = at<Elf64_Ehdr>(bytes, 0);
    constexpr Elf64_Half cuda = 190;
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != cuda || header.e_shnum == 0)
        return false;
    // From version 8 of the format on, which CUDA 13 writes, the compute capability is in the
    // second byte.
    const unsigned shift = header.e_ident[EI_ABIVERSION] >= 8 ? 8 : 0;
    image.capability = int(header.e_flags >> shift & 0xff);
    auto section = [&](size_t i) { return at<Elf64_Shdr>(bytes, header.e_shoff + i * header.e_shentsize); };
    const char* names = bytes + section(header.e_shstrndx).sh_offset;
    const std::string info = ".nv.info.", shared = ".nv.shared.";
    for (size_t i = 0; i < header.e_shnum; i++) {
        Elf64_Shdr found = section(i);
        std::string name = names + found.sh_name;
        if (name.rfind(info, 0) == 0)
            read_attributes(bytes + found.sh_offset, found.sh_size, image.entries[name.substr(info.size())]);
        else if (name.rfind(shared, 0) == 0)
            image.entries[name.substr(shared.size())].shared = found.sh_size;
    }
    return true;
}

static size_t bits_of(const std::string& type) { return size_t(atoi(type.c_str() + 1)); }

static bool read_portable_code(const std::string& text, Image& image) {
    image.portable = true;
    std::smatch target;
    if (text.find(".version") == std::string::npos || !std::regex_search(text, target, std::regex("\\.target sm_(\\d+)")))
        return false;
    image.capability = atoi(target[1].str().c_str());
    const std::string mark = ".entry ";
    // For devices of 10.0 and later, NVRTC 13 declares what pointers point to, and only those
    // numbers of a bound that are not 1.
    const std::regex parameter("\\.param\\s+(?:\\.align\\s+\\d+\\s+)?\\.([a-z]\\d+)\\s+(?:\\.ptr\\s+(?:\\.global\\s+)?\\.align\\s+\\d+\\s+)?\\w+(?:\\[(\\d+)\\])?");
    const std::regex bound("\\.maxntid\\s+(\\d+)(?:,\\s*(\\d+))?(?:,\\s*(\\d+))?");
    for (size_t start = text.find(mark); start != std::string::npos; start = text.find(mark, start + 1)) {
        size_t name_end = text.find('(', start), end = text.find('{', start);
        Entry& entry = image.entries[text.substr(start + mark.size(), name_end - start - mark.size())];
        const std::string head = text.substr(name_end, end - name_end);
        for (std::sregex_iterator i(head.begin(), head.end(), parameter), none; i != none; ++i)
            entry.parameters.push_back(bits_of((*i)[1]) / 8 * ((*i)[2].matched ? size_t(atoi((*i)[2].str().c_str())) : 1));
        std::smatch found;
        if (std::regex_search(head, found, bound)) {
            auto threads = [&](size_t direction) { return found[direction].matched ? unsigned(atoi(found[direction].str().c_str())) : 1u; };
            entry.max_threads = threads(1) * threads(2) * threads(3);
        }
    }
    return true;
}

bool read_image(const void* data, Image& image) {
    const char* bytes = static_cast<const char*>(data);
    return memcmp(bytes, ELFMAG, SELFMAG) == 0 ? read_machine_code(bytes, image) : read_portable_code(bytes, image);
}

} // namespace stand_in
